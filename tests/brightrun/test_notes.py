"""What a job is called, for whom it is and what is noted about it, on the command line."""

import json

from brightrun.exit_codes import Exit
from tests.brightrun.conftest import Answer, problem
from tests.brightrun.test_commands import JOB, body, run

NOTED = JOB | {"notes": "**plan**", "notes_revision": 4, "client": "Acme, Inc.", "project": "Pilot"}
ENTRY = {"revision": 4, "notes": "**plan**", "edited_by": None, "edited_at": "2026-11-28T12:00:00.5Z"}


def test_only_what_is_given_is_changed(as_user, faulty_api) -> None:
    faulty_api.answers = [body(NOTED)]
    assert "client, project" in run("jobs", "edit", "j-1", "--client", "Acme, Inc.", "--project", "").stdout
    method, path, _, sent = faulty_api.seen[0]
    assert (method, path) == ("PATCH", "/api/training/jobs/j-1")
    assert json.loads(sent) == {"client": "Acme, Inc.", "project": ""}
    assert run("jobs", "edit", "j-1").exit_code == Exit.FAILED
    assert len(faulty_api.seen) == 1


def test_notes_are_replaced_as_an_edit_of_what_is_there(as_user, faulty_api, tmp_path) -> None:
    text = tmp_path / "notes.md"
    text.write_text("**new**\n")
    faulty_api.answers = [body(NOTED), body(NOTED | {"notes_revision": 5})]
    assert "Revision 5" in run("jobs", "notes", "j-1", "--file", str(text)).stdout
    assert json.loads(faulty_api.seen[1][3]) == {"notes": "**new**\n", "notes_revision": 4}
    faulty_api.answers = [body(NOTED), problem(409, "notes_conflict")]
    assert "notes_conflict" in run("jobs", "notes", "j-1", "--file", str(text)).output
    assert run("jobs", "notes", "j-1", "--file", str(tmp_path / "none")).exit_code == Exit.FAILED


def test_notes_and_their_history_are_shown(as_user, faulty_api) -> None:
    faulty_api.answers = [body(NOTED)]
    assert run("jobs", "notes", "j-1").stdout.strip() == "**plan**"
    assert json.loads(run("jobs", "notes", "j-1", "--json").stdout)["revision"] == 4
    assert "Acme, Inc., Pilot" in run("jobs", "show", "j-1").stdout
    faulty_api.answers = [body({"data": [ENTRY], "has_more": True, "next_cursor": "4"})]
    shown = run("jobs", "notes", "j-1", "--history").stdout
    assert all(word in shown for word in ("Revision 4", "nobody knows whom", "**plan**", "--after 4"))
    assert json.loads(run("jobs", "notes", "j-1", "--history", "--json").stdout)["data"][0]["revision"] == 4


def test_the_list_is_printed_as_csv_with_its_filters(as_user, faulty_api) -> None:
    faulty_api.answers = [Answer(body=b"id,name\r\nj-1,Elena\r\n")]
    shown = run("jobs", "list", "--csv", "--client", "Acme, Inc.", "--project", "Pilot", "--tag", "t").stdout
    assert shown.splitlines() == ["id,name", "j-1,Elena"]
    asked = faulty_api.seen[0][1]
    assert all(part in asked for part in ("format=csv", "client=Acme%2C+Inc.", "project=Pilot", "tag=t"))


def test_several_jobs_are_deleted_and_what_could_not_be_says_why(as_user, faulty_api) -> None:
    why = {"code": "invalid_transition", "detail": "It was started.", "suggested_fix": ""}
    refused = {"job_id": "j-2", "done": False, "problem": why}
    done = {"job_id": "j-1", "done": True, "problem": None}
    faulty_api.answers = [body({"done": 1, "refused": 1, "data": [done, refused]})]
    result = run("jobs", "delete", "j-1", "j-2")
    assert result.exit_code == Exit.CONFLICT
    assert "j-1  deleted" in result.stdout
    assert "j-2  It was started." in result.stdout
    assert json.loads(faulty_api.seen[0][3]) == {"action": "delete", "job_ids": ["j-1", "j-2"]}
    faulty_api.answers = [body({"done": 1, "refused": 0, "data": [done]})]
    assert run("jobs", "delete", "j-1").exit_code == Exit.OK
