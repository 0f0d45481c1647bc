"""Jobs that wait, on the command line."""

import json
from datetime import UTC, datetime, timedelta

from brightrun.exit_codes import Exit
from tests.brightrun.conftest import problem
from tests.brightrun.test_commands import JOB, body, run

TOMORROW = datetime.now(UTC) + timedelta(days=1)
PLACE = {"position": 3, "ahead": 2, "expected_start_at": TOMORROW.isoformat(), "reason": "workspace_limit"}
WAITING = JOB | {"status": "queued", "queue": PLACE, "progress_percentage": 0, "allowed_actions": ["promote"]}
ABOUT = f"{TOMORROW.astimezone():%Y-%m-%d %H:%M}"


def test_the_queue_shows_places_starts_and_limits(as_user, faulty_api) -> None:
    queued = PLACE | {"job_id": "j-1", "name": "Elena", "requested_by": "ada", "cost_estimate_micro_usd": 5_000_000}
    page = {"data": [queued], "has_more": True, "next_cursor": "3", "active_jobs": 2,
            "limits": {"per_user": 1, "per_workspace": 0}}
    faulty_api.answers = [body(page)]
    shown = run("queue", "--limit", "1", "--after", "2").stdout
    assert faulty_api.seen[0][1] == "/api/training/queue?limit=1&after=2"
    assert all(word in shown for word in ("3", "j-1", "Elena", "ada", "$5.00", "2 active", "1 of each user",
                                          "any number of the workspace", "--after 3"))
    assert json.loads(run("queue", "--json").stdout)["data"][0]["position"] == 3


def test_a_promoted_job_says_where_it_stands(as_user, faulty_api) -> None:
    first = PLACE | {"position": 1, "ahead": 0, "expected_start_at": None}
    faulty_api.answers = [body(WAITING | {"queue": first})]
    assert run("promote", "j-1").stdout.strip() == "Job j-1 is number 1 in line for its turn."
    assert faulty_api.seen[0][:2] == ("POST", "/api/training/jobs/j-1/promote")


def test_who_may_not_promote_is_told_so(as_user, faulty_api) -> None:
    faulty_api.answers = [problem(403, "forbidden")]
    assert run("promote", "j-1").exit_code == Exit.UNAUTHORIZED


def test_a_waiting_job_shows_its_place(as_user, faulty_api) -> None:
    faulty_api.answers = [body(WAITING)]
    assert f"number 3 in line for its turn, expected to start about {ABOUT}" in run("jobs", "show", "j-1").stdout
    faulty_api.answers = [body(WAITING | {"queue": PLACE | {"expected_start_at": None, "reason": "capacity"}})]
    assert "number 3 in line for a free machine" in run("jobs", "show", "j-1").stdout
