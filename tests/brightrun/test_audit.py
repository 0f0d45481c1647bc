"""The audit log on the command line."""

import json

from brightrun.exit_codes import Exit
from tests.brightrun.conftest import Answer, problem
from tests.brightrun.test_commands import body, run

ENTRY = {"id": "a-1", "at": "2026-11-28T12:00:00.5Z", "operation": "revoke_api_key", "outcome": "denied", "status": 403,
         "code": "forbidden", "target_kind": "api_key", "target_id": "k-1", "actor_kind": "api_key", "actor": "ada",
         "credential": "br_12345678", "address": "192.0.2.7"}
PAGE = {"data": [ENTRY], "has_more": True, "next_cursor": "abc"}


def test_entries_are_a_table_and_filters_are_passed_on(as_user, faulty_api) -> None:
    faulty_api.answers = [body(PAGE)]
    shown = run("audit", "--outcome", "denied", "--outcome", "failed", "--target", "k-1", "--installation").stdout
    asked = faulty_api.seen[0][1]
    assert "outcome=denied&outcome=failed" in asked
    assert "target_id=k-1" in asked
    assert "scope=installation" in asked
    assert all(word in shown for word in ("revoke_api_key", "denied (forbidden)", "api_key k-1", "ada br_12345678",
                                          "192.0.2.7", "--after abc"))
    assert json.loads(run("audit", "--json").stdout)["data"][0]["id"] == "a-1"


def test_csv_is_printed_as_it_comes(as_user, faulty_api) -> None:
    faulty_api.answers = [Answer(body=b"id,at\r\na-1,now\r\n")]
    assert run("audit", "--csv").stdout.splitlines() == ["id,at", "a-1,now"]
    assert "format=csv" in faulty_api.seen[0][1]


def test_whoever_may_not_read_it_is_told_so(as_user, faulty_api) -> None:
    faulty_api.answers = [problem(403, "forbidden")]
    assert run("audit").exit_code == Exit.UNAUTHORIZED
