"""`make audit` over a database of vulnerabilities of our own: what is known is told, and silence is no success."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from stack.audit import CLEAN, FILES, UNKNOWN, VULNERABLE, main
from stack.parts import free_port

_LOCK = "rich==15.0.0 \\\n    --hash=sha256:" + "0" * 64 + "\ntyper==0.29.2 \\\n    --hash=sha256:" + "1" * 64 + "\n"
_KNOWN = {
    "id": "GHSA-test-0001", "summary": "A hole.", "details": "A hole.", "modified": "2026-01-01T00:00:00Z",
    "published": "2026-01-01T00:00:00Z", "aliases": [],
    "affected": [{"package": {"name": "rich", "ecosystem": "PyPI"}, "versions": ["15.0.0"],
                  "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "15.0.1"}]}]}],
}


class _Database(BaseHTTPRequestHandler):
    vulnerable: str = ""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        found = [_KNOWN] if asked["package"]["name"] == self.vulnerable else []
        body = json.dumps({"vulns": found} if found else {}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def database() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Database)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1/query"
    server.shutdown()
    server.server_close()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "some.lock"
    path.write_text(_LOCK)
    return path


def test_what_is_known_is_told_with_the_version_that_mends_it(
    database: str, lock: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_Database, "vulnerable", "rich")
    assert main([str(lock), "--osv", database]) == VULNERABLE
    said = capsys.readouterr().out
    assert "2 packages looked up, 1 vulnerabilities known" in said
    assert "rich 15.0.0: GHSA-test-0001, mended in 15.0.1" in said


def test_nothing_known_of_anything_is_a_success(
    database: str, lock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(lock), "--osv", database]) == CLEAN
    assert "2 packages looked up, 0 vulnerabilities known" in capsys.readouterr().out


def test_a_database_that_is_not_reached_is_no_success(lock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(lock), "--osv", f"http://127.0.0.1:{free_port()}/v1/query"]) == UNKNOWN
    said = capsys.readouterr().out
    assert "0 packages looked up" in said
    assert "NOT EVERYTHING WAS CHECKED" in said


def test_every_list_that_is_installed_from_is_looked_at() -> None:
    assert {path.name for path in FILES} >= {"services.lock", "client.lock", "development.lock", "requirements.txt"}
