"""`brightrun jobs pause | resume | tier | continue`: what is asked of the API, and what a person reads."""

import json

import pytest

from brightrun.exit_codes import Exit
from tests.brightrun.conftest import problem
from tests.brightrun.test_commands import JOB, body, run

PAUSED = JOB | {
    "status": "paused",
    "status_reason": {"code": "pausing", "message": "Paused by ada; its machine saves a checkpoint and ends."},
}


@pytest.mark.parametrize(
    ("arguments", "path", "sent"),
    [
        (("pause", "j-1", "--reason", "too dear"), "/jobs/j-1/pause", {"reason": "too dear"}),
        (("pause", "j-1"), "/jobs/j-1/pause", None),
        (("resume", "j-1"), "/jobs/j-1/resume", None),
        (("resume", "j-1", "--tier", "on_demand"), "/jobs/j-1/resume", {"gpu_pricing_tier": "on_demand"}),
        (("tier", "j-1", "on_demand"), "/jobs/j-1/tier", {"pricing_tier": "on_demand", "reason": ""}),
        (
            ("continue", "j-1", "--remaining-epochs", "2", "--batch-size", "1", "--no-start"),
            "/jobs/j-1/continue",
            {"remaining_epochs": 2, "hyperparameters": {"per_device_train_batch_size": 1}, "start": False},
        ),
    ],
)
def test_each_command_asks_for_exactly_what_was_said(as_user, faulty_api, arguments, path, sent) -> None:
    faulty_api.answers = [body(PAUSED)]
    assert run("jobs", *arguments).exit_code == Exit.OK
    method, asked, _, content = faulty_api.seen[0]
    assert (method, asked) == ("POST", f"/api/training{path}")
    assert (json.loads(content) if content else None) == sent


def test_a_person_reads_the_status_and_why(as_user, faulty_api) -> None:
    faulty_api.answers = [body(PAUSED)]
    assert "Job j-1 is paused. Paused by ada" in " ".join(run("jobs", "pause", "j-1").stdout.split())
    changed = JOB | {"status": "recovering", "cost_estimate_micro_usd": 9_000_000, "actual_cost_micro_usd": 1_000_000}
    faulty_api.answers = [body(changed)]
    assert "Estimated $9.00 in all, $1.00 so far." in run("jobs", "tier", "j-1", "on_demand").stdout
    faulty_api.answers = [body(JOB | {"adjustments": [{"field": "num_epochs", "from": 3, "to": 2}]})]
    assert "Changed num_epochs: 3 -> 2" in run("jobs", "continue", "j-1").stdout


def test_json_is_the_job(as_user, faulty_api) -> None:
    faulty_api.answers = [body(PAUSED)]
    assert json.loads(run("jobs", "pause", "j-1", "--json").stdout)["status"] == "paused"


def test_what_cannot_be_continued_has_words_and_an_exit_code(as_user, faulty_api) -> None:
    faulty_api.answers = [problem(409, "not_continuable")]
    assert run("jobs", "continue", "j-1").exit_code == Exit.CONFLICT
