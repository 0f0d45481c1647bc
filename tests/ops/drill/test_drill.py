"""An installation is destroyed while a job trains, and comes back from its backup and what was shipped since."""

import hashlib
from pathlib import Path

import pytest

from ops.drill.facts import Facts
from ops.drill.steps import Drill, Outcome, failures
from ops.drill.throwaway import Cloud, ThrowAway


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("rented", [False, True], ids=["local machines", "rented machines"])
def test_everything_that_had_ended_comes_back_and_what_trained_goes_on(tmp_path: Path, rented: bool) -> None:
    cloud = Cloud(tmp_path / "drill") if rented else None
    place = ThrowAway(tmp_path / "drill", cloud)
    try:
        if cloud:
            cloud.open()
        outcome = Drill(place, print, long=8).run()
    finally:
        place.remove()
    assert failures(outcome) == []
    assert outcome.lost == {}
    assert outcome.running_job == "completed", outcome.running_job_says
    assert outcome.machines_left == 0
    compared = outcome.compared or {}
    assert compared["jobs"] == 1, "it ended after the base backup: WAL brought it back"
    for name in ("job events", "adapters", "adapter files", "bills", "costs", "verdicts", "API keys", "objects"):
        assert compared[name] > 0, name


def test_a_row_or_an_object_that_differs_is_seen() -> None:
    content = hashlib.sha256(b"adapter").hexdigest()
    before = Facts({"bills": frozenset({"a", "b"}), "jobs": frozenset({"j"})}, {"model-artifacts/x": content})
    assert before.missing_from(before) == {}
    changed = Facts({"bills": frozenset({"a", "B"}), "jobs": frozenset({"j", "k"})}, {"model-artifacts/x": "other"})
    assert before.missing_from(changed) == {"bills": 1, "objects": 1}
    assert before.missing_from(Facts({}, {})) == {"bills": 2, "jobs": 1, "objects": 1}


@pytest.mark.parametrize(("outcome", "said"), [
    (Outcome(lost={"bills": 2}, running_job="completed"), "2 of bills did not come back"),
    (Outcome(lost={}, running_job="completed", machines_left=1), "1 machines are still rented"),
    (Outcome(lost={}, running_job="recovering"), "the job that trained is recovering"),
])
def test_a_drill_that_failed_says_why(outcome: Outcome, said: str) -> None:
    assert [said in line for line in failures(outcome)] == [True]
