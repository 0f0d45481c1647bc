"""A user steers jobs that run: pause and resume, cancel, and going on from what was cancelled."""

import pytest

from tests.system import history
from tests.system.stack_under_test import StackUnderTest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420), pytest.mark.xdist_group("end_to_end")]

LONG = {"num_epochs": 20}


def training(system: StackUnderTest, step: int = 4) -> str:
    """A job that has made some steps."""
    job = system.start_job(preset="balanced", hyperparameters=LONG)
    system.wait_for(job.id, lambda now: now.status == "training" and (now.current_step or 0) >= step)
    return job.id


def test_a_paused_job_has_no_machine_and_resumes_without_a_step_lost_or_doubled(system: StackUnderTest) -> None:
    job_id = training(system)
    with system.client() as client:
        assert client.pause(job_id).status == "paused"
    paused = system.wait_for(job_id, lambda now: now.status_reason is not None and now.status_reason.code == "paused")
    assert system.trainers(job_id) == []
    assert "nothing is billed" in paused.status_reason.message
    cost = system.wait_for(job_id, lambda now: (now.actual_cost_micro_usd or 0) > 0).actual_cost_micro_usd
    (held,) = system.query("cost_guard", f"SELECT reserved_micro_usd FROM jobs WHERE job_id = '{job_id}'")
    assert held["reserved_micro_usd"] == 0

    with system.client() as client:
        assert client.resume(job_id).status == "queued"
    system.wait_for(job_id, lambda now: now.status == "completed")
    figures = history.check(system, job_id)
    assert (figures["attempts"], figures["recoveries"]) == (2, 0)
    assert system.job(job_id).actual_cost_micro_usd > cost
    with system.client() as client:
        events = list(client.all_events(job_id, type=["training.paused", "training.resumed", "pod.interrupted"]))
    assert [event["type"] for event in events] == ["training.paused", "training.resumed"]
    assert events[0]["payload"]["checkpoint_step"] == events[1]["payload"]["resumed_from_step"]


def test_a_cancelled_job_costs_what_its_log_says_and_goes_on_as_a_linked_job(system: StackUnderTest) -> None:
    job_id = training(system)
    system.wait_for(job_id, lambda now: "continue" not in now.allowed_actions and bool(now.model_extra) and (
        now.model_extra["last_checkpoint_step"] is not None))
    with system.client() as client:
        assert client.cancel(job_id).status == "cancelled"
    ended = system.wait_for(job_id, lambda now: now.cost_is_final)
    assert system.trainers(job_id) == []
    assert f"Cancelled; final cost ${ended.actual_cost_micro_usd / 1e6:.2f}" in system.story(job_id)

    changed = {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 2}
    with system.client() as client:
        new = client.continue_job(job_id, remaining_epochs=1, hyperparameters=changed)
    assert new.model_extra is not None
    assert new.model_extra["continues"] == job_id
    system.wait_for(new.id, lambda now: now.status == "completed")
    history.settle(system, new.id)
    assert "goes on from step" in system.story(new.id)
    link = system.job(job_id).model_extra
    assert link is not None
    assert link["continued_by"] == [new.id]
