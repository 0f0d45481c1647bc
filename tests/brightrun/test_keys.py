"""API keys on the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from brightrun.exit_codes import Exit
from tests.brightrun.test_commands import body, run

KEY = {"object": "api_key", "id": "k-1", "name": "robot", "prefix": "br_abcdefgh", "roles": ["admin"],
       "email": "ada@example.com", "created_at": "2026-01-01T00:00:00Z", "expires_at": None, "revoked_at": None,
       "last_used_at": "2026-02-03T04:05:00Z"}
PAGE = {"object": "list", "data": [KEY], "has_more": False, "next_cursor": None}
NEW = KEY | {"id": "k-2", "prefix": "br_ijklmnop", "replaces": "k-1", "key": "br_ijklmnop" + "x" * 40}


def test_keys_are_listed_with_their_last_use(as_user: Any, faulty_api: Any) -> None:
    faulty_api.answers = [body(PAGE)]
    shown = run("keys", "list").stdout
    assert all(word in shown for word in ("k-1", "br_abcdefgh", "2026-02-03", "works"))


def test_a_rotated_key_is_shown_once(as_user: Any, faulty_api: Any) -> None:
    faulty_api.answers = [body(PAGE), body(NEW)]
    shown = run("keys", "rotate", "k-1", "--keep", "2h").stdout
    assert NEW["key"] in shown
    assert faulty_api.seen[1][:2] == ("POST", "/api/training/api-keys/k-1/rotate")
    assert json.loads(faulty_api.seen[1][3]) == {"keep_previous_for_s": 7200}


def test_the_key_in_use_is_replaced_where_it_is_stored(
    faulty_api: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = "br_abcdefgh" + "y" * 40
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps({"url": faulty_api.url, "api_key": own, "email": "ada@example.com"}))
    for name in ("BRIGHTRUN_URL", "BRIGHTRUN_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BRIGHTRUN_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    faulty_api.answers = [body(PAGE), body(NEW)]
    shown = run("keys", "rotate").stdout
    assert NEW["key"] not in shown
    assert json.loads(path.read_text()) == {"url": faulty_api.url, "api_key": NEW["key"], "email": "ada@example.com"}
    assert path.stat().st_mode & 0o077 == 0


def test_what_cannot_be_is_said(as_user: Any, faulty_api: Any) -> None:
    faulty_api.answers = [body(PAGE)]
    assert run("keys", "rotate", "k-9").exit_code == Exit.FAILED
    assert run("keys", "rotate", "k-1", "--keep", "soon").exit_code == Exit.USAGE
