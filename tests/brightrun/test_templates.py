"""Templates on the command line."""

import json
from typing import Any

from brightrun.exit_codes import Exit
from tests.brightrun.conftest import problem
from tests.brightrun.test_commands import EXAMPLES, JOB, body, run

ID = "0b2f7a6e-5d0c-4c1e-9a51-000000000001"
USAGE = {"jobs": 5, "ended": 4, "completed": 3, "success_rate": 0.75, "average_cost_micro_usd": 2_000_000}
QUICK: dict[str, Any] = {
    "id": ID, "name": "Quick test", "description": "Whether a file trains at all.", "visibility": "built_in",
    "preset": "conservative", "differences_from_preset": [{"field": "num_epochs", "preset_value": 2, "value": 1}],
    "gpu_type": None, "gpu_pricing_tier": "spot", "max_duration_s": 21600, "training_file_id": None, "client": "Acme",
    "project": "", "tags": ["t"], "usage": USAGE}
NEVER = QUICK | {"id": "x-2", "name": "Other", "usage": USAGE | {"jobs": 0, "ended": 0, "success_rate": None,
                                                                  "average_cost_micro_usd": None}}


def page(*templates: dict[str, Any], more: str | None = None) -> Any:
    return body({"data": list(templates), "has_more": more is not None, "next_cursor": more})


def test_templates_are_listed_with_how_their_jobs_went(as_user, faulty_api) -> None:
    faulty_api.answers = [page(QUICK, NEVER, more="abc")]
    shown = run("templates", "list", "-q", "test").stdout
    assert all(word in shown for word in (ID, "Quick test", "built-in", "75% of 4", "none ended yet", "--after abc"))
    assert "q=test" in faulty_api.seen[0][1]
    assert len(json.loads(run("templates", "list", "--json").stdout)["data"]) == 2


def test_one_is_found_by_its_name_or_its_id(as_user, faulty_api) -> None:
    faulty_api.answers = [page(NEVER, more="abc"), page(QUICK), body(QUICK)]
    shown = run("templates", "show", "quick TEST").stdout
    assert [seen[1].partition("?")[0].rpartition("/")[2] for seen in faulty_api.seen] == ["templates", "templates", ID]
    assert all(word in shown for word in ("conservative, num_epochs 1", "the default one, spot, at most 6 h", "Acme"))
    assert json.loads(run("templates", "show", ID, "--json").stdout)["id"] == ID


def test_a_name_that_none_or_several_have_is_refused(as_user, faulty_api) -> None:
    faulty_api.answers = [page(QUICK, QUICK | {"id": "x-2"})]
    several = run("templates", "delete", "quick test")
    assert several.exit_code == Exit.FAILED
    assert "x-2" in several.output
    assert "There is no template" in run("templates", "delete", "slow test").output
    assert {seen[0] for seen in faulty_api.seen} == {"GET"}


def test_one_is_made_saved_from_a_job_shared_and_deleted(as_user, faulty_api) -> None:
    faulty_api.answers = [body(QUICK)]
    assert ID in run("templates", "create", "Mine", "--preset", "balanced", "--set", "num_epochs=2", "--shared").stdout
    assert ID in run("templates", "save", "j-1", "--no-with-file").stdout
    run("templates", "share", ID, "--private")
    run("templates", "delete", ID)
    sent = [(method, path.removeprefix("/api/training"), json.loads(data or b"{}"))
            for method, path, _, data in faulty_api.seen]
    assert sent == [
        ("POST", "/templates", {"name": "Mine", "preset": "balanced", "visibility": "shared",
                                "hyperparameters": {"num_epochs": 2}}),
        ("POST", "/jobs/j-1/template", {"visibility": "private", "with_file": False}),
        ("PATCH", f"/templates/{ID}", {"visibility": "private"}),
        ("DELETE", f"/templates/{ID}", {})]
    faulty_api.answers = [problem(409, "template_built_in")]
    assert run("templates", "delete", ID).exit_code == Exit.CONFLICT


def test_a_run_is_started_from_one(as_user, faulty_api) -> None:
    """What is not said is not sent: the template decides it."""
    file = {"id": "f-1", "status": "ready", "report": {}}
    faulty_api.answers = [page(QUICK), body(file), body(JOB)]
    started = run("train", str(EXAMPLES / "sample.json"), "--template", "Quick test", "--json", "--yes")
    assert started.exit_code == Exit.OK, started.output
    sent = json.loads(faulty_api.seen[-1][3])
    assert sent == {"training_file_id": "f-1", "template_id": ID, "name": "sample", "start": True}
