"""Members on the command line."""

import json

from brightrun.exit_codes import Exit
from tests.brightrun.conftest import problem
from tests.brightrun.test_commands import body, run

ADA = {"id": "u-1", "email": "ada@example.com", "display_name": "Ada", "roles": ["engineer", "owner"]}


def test_members_are_listed(as_user, faulty_api) -> None:
    faulty_api.answers = [body({"data": [ADA], "has_more": False, "next_cursor": None})]
    shown = run("members", "list").stdout
    assert all(word in shown for word in ("u-1", "ada@example.com", "Ada", "engineer, owner"))


def test_a_member_gets_exactly_the_roles_that_are_named(as_user, faulty_api) -> None:
    faulty_api.answers = [body(ADA)]
    shown = run("members", "set", "ada@example.com", "--role", "engineer", "--role", "owner").stdout
    method, path, _, sent = faulty_api.seen[0]
    assert (method, path) == ("PUT", "/api/training/members")
    assert json.loads(sent) == {"email": "ada@example.com", "roles": ["engineer", "owner"]}
    assert shown.strip() == "ada@example.com is engineer, owner."
    assert run("members", "set", "ada@example.com").exit_code == Exit.USAGE


def test_a_member_is_removed(as_user, faulty_api) -> None:
    faulty_api.answers = [body({"object": "member", "id": "u-1", "removed": True})]
    assert "work no more" in run("members", "remove", "u-1").stdout
    assert faulty_api.seen[0][:2] == ("DELETE", "/api/training/members/u-1")
    faulty_api.answers = [problem(409, "last_admin")]
    assert run("members", "remove", "u-1").exit_code == Exit.CONFLICT
