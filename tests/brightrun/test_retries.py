"""`brightrun retry`, `errors` and `error-log`: nothing starts before a person has said yes."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from brightrun.cli import app
from brightrun.exit_codes import Exit
from tests.brightrun.conftest import Answer, FaultyApi

ERROR = {"code": "no_gpu_capacity", "class": "infrastructure", "title": "No GPU of this kind is free",
         "problem": "The provider had none.", "likely_cause": "Waited for 24.0 h.", "what_to_do": "Retry later."}
CHANGE = {"field": "gpu_pricing_tier", "from": "spot", "to": "on_demand"}
PROPOSAL = {"object": "training_job.retry_proposal", "name": "Elena (retry 1)", "error": ERROR, "differences": [CHANGE],
            "follows_suggestion": True, "cost_estimate_micro_usd": 2_000_000, "estimated_duration_seconds": 3600,
            "suggestion_success": {"retries": 3, "ended": 2, "completed": 1, "success_rate": 0.5}}
JOB = {"id": "j2", "name": "Elena (retry 1)", "status": "queued", "adjustments": [CHANGE]}


@pytest.fixture(autouse=True)
def as_user(faulty_api: FaultyApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIGHTRUN_URL", faulty_api.url)
    monkeypatch.setenv("BRIGHTRUN_API_KEY", "br_test")


def run(*arguments: str, said: str | None = None) -> Any:
    return CliRunner().invoke(app, list(arguments), input=said)


def answers(*documents: Any) -> list[Answer]:
    return [Answer(200, json.dumps(document).encode()) for document in documents]


def bodies(api: FaultyApi) -> list[Any]:
    return [json.loads(body) for _, _, _, body in api.seen if body]


def test_without_a_person_the_differences_are_shown_and_nothing_starts(faulty_api) -> None:
    faulty_api.answers = answers(PROPOSAL)
    for command in (["retry", "j1"], ["jobs", "retry", "j1"]):
        shown = run(*command)
        assert shown.exit_code == Exit.OK
        assert "Changed gpu_pricing_tier: spot -> on_demand" in shown.stdout
        assert "No GPU of this kind is free (no_gpu_capacity, infrastructure)" in shown.stdout
        assert "So far 1 of 2 retries with this change completed." in shown.stdout
        assert "Nothing was started. Add --yes to start it." in shown.stdout
    assert bodies(faulty_api) == [{"confirm": False}, {"confirm": False}]


@pytest.mark.parametrize(("said", "started"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_a_person_is_asked(faulty_api, monkeypatch, said: str, started: bool) -> None:
    faulty_api.answers = answers(PROPOSAL, JOB)
    monkeypatch.setattr("brightrun.commands.retries._is_terminal", lambda: True)
    shown = run("retry", "j1", said=said)
    assert shown.exit_code == Exit.OK
    assert ("Job j2 is queued." in shown.stdout) is started
    assert [body["confirm"] for body in bodies(faulty_api)] == [False, True][: 1 + started]


def test_yes_starts_with_what_the_user_wants_otherwise(faulty_api) -> None:
    faulty_api.answers = answers(JOB)
    shown = run("retry", "j1", "--yes", "--set", "num_epochs=1", "--tier", "auto", "--no-suggestions")
    assert "Job j2 is queued." in shown.stdout
    assert bodies(faulty_api) == [{"hyperparameters": {"num_epochs": 1}, "gpu_pricing_tier": "auto",
                                   "apply_adjustments": False, "confirm": True}]


def test_for_a_program_it_is_the_proposal(faulty_api) -> None:
    faulty_api.answers = answers(PROPOSAL)
    assert json.loads(run("retry", "j1", "--json").stdout) == PROPOSAL
    assert bodies(faulty_api) == [{"confirm": False}]


def test_a_job_that_is_only_made_needs_no_yes(faulty_api) -> None:
    faulty_api.answers = answers(JOB | {"status": "pending", "adjustments": []})
    shown = run("jobs", "retry", "j1", "--no-start")
    assert "Nothing is changed." in shown.stdout
    assert bodies(faulty_api) == [{"start": False}]


def test_show_tells_the_error(faulty_api) -> None:
    reason = {"code": "provisioning", "message": "No machine.", "suggested_fix": "An older word."}
    faulty_api.answers = answers(JOB | {"status": "failed", "status_reason": reason, "error": ERROR})
    shown = run("jobs", "show", "j1").stdout
    assert "Waited for 24.0 h." in shown
    assert "What to do: Retry later." in shown
    assert "An older word." not in shown


def test_statistics_as_a_table(faulty_api) -> None:
    tried, none = {"ended": 4, "completed": 3}, {"ended": 0, "completed": 0}
    faulty_api.answers = answers({
        "failed": 5, "ended": 20, "codes": [{"code": "disk_full", "class": "platform", "count": 5, "share": 1.0,
                                             "retries": {"with_suggestion": tried, "without_suggestion": none}}],
        "presets": [{"preset": "balanced", "ended": 20, "failed": 5, "most_frequent": "disk_full"}]})
    shown = run("errors", "stats", "--preset", "balanced", "--after", "2026-11-01T00:00:00Z").stdout
    assert "5 of 20 jobs failed." in shown
    assert "3 of 4 completed" in shown
    assert "balanced: 5 of 20 failed, most of them with disk_full" in shown
    assert "preset=balanced&ended_after=2026-11-01" in faulty_api.seen[0][1]


def test_the_error_log_is_a_file(faulty_api, tmp_path) -> None:
    faulty_api.answers = [Answer(200, b"PK\x05\x06" + bytes(18))]
    shown = run("error-log", "j1", "--out", str(tmp_path / "new"))
    assert shown.exit_code == Exit.OK
    assert (tmp_path / "new" / "job-j1-error-log.zip").read_bytes() == faulty_api.answers[0].body
