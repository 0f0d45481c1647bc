"""The judge of a fleet sees what it is there to see."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.fleet.judge import differences_of, percentile, recovery_times
from benchmarks.fleet.market import Loss
from benchmarks.fleet.pace import Pace
from benchmarks.fleet.trainer import attempt_of, final_state, loss_at, next_state

STEPS = 10
# The first attempt was lost after step 6, its last checkpoint was step 4; the second did the rest.
FIRST = {"attempt": 1, "resumed_from": 0, "resumed_attempt": 0, "completed": False, "last_step": 6}
SECOND = {"attempt": 2, "resumed_from": 4, "resumed_attempt": 1, "completed": True, "last_step": 10}
ATTEMPTS = {1: FIRST, 2: SECOND}


def series(*attempts: int) -> list[dict[str, Any]]:
    """The loss of steps 1, 2, ...: which attempt computed each."""
    steps = [step for step, attempt in enumerate(attempts, start=1) if attempt]
    return [{"metric": "loss", "steps": steps, "values": [loss_at(step, attempts[step - 1]) for step in steps]}]


RIGHT = (1, 1, 1, 1, 2, 2, 2, 2, 2, 2)


def test_a_run_that_went_on_from_its_checkpoint_has_no_difference() -> None:
    assert differences_of(series(*RIGHT), ATTEMPTS, STEPS) == 0


@pytest.mark.parametrize("shown", [
    (1, 1, 1, 1, 2, 2, 0, 2, 2, 2),  # step 7 is missing
    (1, 1, 1, 1, 2, 2, 2, 2, 2, 0),  # the last one is
    (1, 1, 1, 1, 1, 2, 2, 2, 2, 2),  # step 5 of the attempt that was lost, which was done again
])
def test_what_is_lost_or_of_the_wrong_attempt_is_seen(shown: tuple[int, ...]) -> None:
    assert differences_of(series(*shown), ATTEMPTS, STEPS) > 0


def test_a_step_that_stands_there_twice_is_seen() -> None:
    (loss,) = series(*RIGHT)
    doubled = [{**loss, "steps": [*loss["steps"], 3], "values": [*loss["values"], loss_at(3, 1)]}]
    assert differences_of(doubled, ATTEMPTS, STEPS) == 1


def test_no_series_at_all_is_a_loss_of_every_step() -> None:
    assert differences_of([], ATTEMPTS, STEPS) == STEPS


def test_a_step_left_out_or_done_twice_ends_in_another_state() -> None:
    def state_after(*steps: int) -> str:
        state = ""
        for step in steps:
            state = next_state(state, step)
        return state

    assert state_after(1, 2, 3) == final_state(3)
    assert len({state_after(1, 3), state_after(1, 2, 2, 3), final_state(3)}) == 3


@pytest.mark.parametrize("step", [1, 60, 500])
def test_a_loss_says_who_computed_it(step: int) -> None:
    assert [attempt_of(loss_at(step, attempt), step) for attempt in (1, 2, 11)] == [1, 2, 11]


def test_a_recovery_ends_with_the_first_step_on_another_machine() -> None:
    job = "0198a000-0000-7000-8000-000000000001"
    deeds = [{"job_id": job, "first_step_at": at} for at in (100.0, 130.0, 0.0)]
    losses = [Loss(f"brightrun-job-{job}-a1", 120.0, 0.0), Loss(f"brightrun-job-{job}-a2", 140.0, 0.0)]
    assert recovery_times(losses, deeds, Pace(scale=30.0)) == [300.0]


def test_percentiles_of_few_values() -> None:
    assert [percentile([3.0, 1.0, 2.0], share) for share in (0, 50, 95, 100)] == [1.0, 2.0, 3.0, 3.0]
    assert percentile([], 50) == 0.0
