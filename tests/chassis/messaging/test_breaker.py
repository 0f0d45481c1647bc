"""When a consumer pauses, and when one job is set aside: rules over a clock of the test's own."""

import pytest

from chassis.messaging.breaker import DeadLetterBreaker


class Watch:
    """A monotonic clock that moves when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def breaker(watch: Watch) -> DeadLetterBreaker:
    return DeadLetterBreaker(20, watch)


def test_one_job_cannot_stop_a_consumer(breaker: DeadLetterBreaker) -> None:
    for _ in range(1000):
        breaker.dead_lettered("flooder")
    assert breaker.paused_for_s == 0
    assert breaker.reason is None


def test_a_few_jobs_together_cannot_either(breaker: DeadLetterBreaker) -> None:
    for number in range(1000):
        breaker.dead_lettered(f"flooder-{number % 4}")
    assert breaker.paused_for_s == 0


def test_dead_letters_of_many_jobs_in_a_row_pause_it(breaker: DeadLetterBreaker) -> None:
    for number in range(19):
        breaker.dead_lettered(f"job-{number}")
    assert breaker.paused_for_s == 0
    breaker.dead_lettered("job-19")
    assert breaker.paused_for_s == 5
    assert breaker.reason == "stopped after 20 dead letters in a row, of 20 jobs; tries again in 5 s"


def test_a_success_in_between_starts_the_count_anew(breaker: DeadLetterBreaker) -> None:
    for number in range(100):
        breaker.dead_lettered(f"job-{number}")
        if number % 19 == 18:
            breaker.succeeded("a good one")
    assert breaker.paused_for_s == 0


def test_it_tries_again_by_itself_with_growing_pauses(breaker: DeadLetterBreaker, watch: Watch) -> None:
    pauses = []
    for number in range(19 + 10):
        breaker.dead_lettered(f"job-{number}")
        if breaker.paused_for_s:
            pauses.append(breaker.paused_for_s)
            watch.now += breaker.paused_for_s
            assert breaker.paused_for_s == 0
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300, 300]


def test_what_was_in_hand_when_it_paused_does_not_lengthen_the_pause(breaker: DeadLetterBreaker) -> None:
    for number in range(20 + 8):
        breaker.dead_lettered(f"job-{number}")
    assert breaker.paused_for_s == 5


def test_a_success_after_a_pause_ends_the_trouble(breaker: DeadLetterBreaker, watch: Watch) -> None:
    for number in range(20):
        breaker.dead_lettered(f"job-{number}")
    watch.now += 5
    assert breaker.reason is not None
    breaker.succeeded("job-20")
    assert breaker.reason is None


def test_a_job_that_sends_only_unusable_messages_is_set_aside_and_tried_again(
    breaker: DeadLetterBreaker, watch: Watch
) -> None:
    for _ in range(10):
        assert not breaker.is_quarantined("flooder")
        breaker.dead_lettered("flooder")
    assert breaker.is_quarantined("flooder")
    assert breaker.quarantined == ["flooder"]
    watch.now += 60
    assert not breaker.is_quarantined("flooder")
    breaker.dead_lettered("flooder")  # one more is enough, and it takes twice as long
    watch.now += 119
    assert breaker.is_quarantined("flooder")
    watch.now += 1
    assert not breaker.is_quarantined("flooder")


def test_a_job_that_recovers_is_as_good_as_any_other(breaker: DeadLetterBreaker) -> None:
    for _ in range(9):
        breaker.dead_lettered("job")
    breaker.succeeded("job")
    for _ in range(9):
        breaker.dead_lettered("job")
    assert not breaker.is_quarantined("job")
