"""When a checkpoint is due."""

from statistics import quantiles

import pytest

from trainer_image.save_schedule import SaveSchedule

TOTAL = 10_000


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def schedule(clock: Clock, *, steps: int = 100, seconds: float = 60.0) -> SaveSchedule:
    return SaveSchedule(steps, seconds, clock)


def test_after_the_first_step_then_by_steps_or_seconds_and_after_the_last() -> None:
    clock = Clock()
    saves = schedule(clock)
    assert saves.due(1, TOTAL)
    saves.tried(1)
    assert not saves.due(2, TOTAL)
    assert saves.due(101, TOTAL)
    clock.now = 60.0
    assert saves.due(2, TOTAL)
    saves.tried(2)
    assert saves.due(TOTAL, TOTAL)
    saves.tried(TOTAL)
    assert not saves.due(TOTAL, TOTAL)


def test_a_try_that_failed_is_not_repeated_after_every_step() -> None:
    clock = Clock()
    saves = schedule(clock, steps=1)
    saves.tried(1)
    assert saves.failed() == 60.0
    assert not any(saves.due(step, TOTAL) for step in range(2, 500))
    clock.now = 60.0
    assert saves.due(2, TOTAL)


def test_pauses_grow_and_end_with_a_success() -> None:
    saves = schedule(Clock())
    assert [saves.failed() for _ in range(6)] == [60.0, 120.0, 240.0, 480.0, 900.0, 900.0]
    saves.succeeded()
    assert saves.failed() == 60.0


def test_the_last_step_and_a_machine_that_goes_wait_for_no_pause() -> None:
    saves = schedule(Clock())
    saves.tried(1)
    saves.failed()
    assert saves.due(TOTAL, TOTAL)
    saves.wanted = True
    assert saves.due(2, TOTAL)
    saves.tried(2)
    assert not saves.due(3, TOTAL)


def test_a_resumed_run_saves_after_an_interval() -> None:
    saves = schedule(Clock())
    saves.resumed(40)
    assert not saves.due(41, TOTAL)
    assert saves.due(140, TOTAL)


@pytest.mark.parametrize("storing_s", [5.0, 20.0, 40.0])
@pytest.mark.parametrize("step_s", [3.0, 11.0, 16.0])
def test_a_machine_that_vanishes_costs_less_than_90_seconds_of_work_in_19_of_20_cases(
    storing_s: float, step_s: float
) -> None:
    """At every second of four hours, the work since the newest checkpoint that is stored; storing takes 5 s (r = 8) to
    40 s (r = 32) at 1 Gbit/s."""
    clock, lost = Clock(), []
    saves = schedule(clock)
    stored_at, taken_at, newest = 0.0, 0.0, 0.0
    next_step, step = step_s, 0
    while clock.now < 4 * 3600:
        clock.now += 1.0
        if stored_at and clock.now >= stored_at:
            newest, stored_at = taken_at, 0.0
            saves.succeeded()
        if clock.now >= next_step:
            next_step, step = next_step + step_s, step + 1
            if not stored_at and saves.due(step, TOTAL):
                saves.tried(step)
                taken_at, stored_at = clock.now, clock.now + storing_s
        lost.append(clock.now - newest)
    assert quantiles(lost[300:], n=20)[-1] <= 90.0
