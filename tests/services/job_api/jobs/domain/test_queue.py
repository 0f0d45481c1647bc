"""Whose turn it is: first in, first out, never more than the limits allow, and nobody held up by another's limit."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from services.job_api.jobs.domain.queue import (
    USER_LIMIT,
    WORKSPACE_LIMIT,
    ActiveJob,
    QueueLimits,
    WaitingJob,
    in_order,
    in_words,
    may_start,
    places,
)

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
USERS = st.sampled_from(["ada", "bob", "eve", "kim"])
LIMITS = st.builds(QueueLimits, st.integers(0, 3), st.integers(0, 5))
ACTIVE = st.lists(USERS, max_size=6)


def job(number: int, user: str = "ada", *, promoted: int | None = None, hours: float | None = 1.0) -> WaitingJob:
    """The number-th that came."""
    return WaitingJob(UUID(int=number), user, NOON + timedelta(seconds=number),
                      None if promoted is None else NOON + timedelta(minutes=promoted),
                      None if hours is None else hours * 3600)


WAITING = st.lists(st.tuples(USERS, st.none() | st.integers(0, 9), st.none() | st.floats(0, 9)), max_size=12).map(
    lambda found: [job(number, user, promoted=promoted, hours=hours)
                   for number, (user, promoted, hours) in enumerate(found, start=1)])


def numbers(jobs: list[WaitingJob]) -> list[int]:
    return [one.id.int for one in jobs]


def test_the_ones_that_came_first_are_first() -> None:
    waiting = [job(3), job(1), job(2)]
    assert numbers(in_order(waiting)) == [1, 2, 3]
    assert numbers(may_start([], waiting, QueueLimits(per_workspace=2))) == [1, 2]


def test_who_was_promoted_last_is_first_of_all() -> None:
    assert numbers(in_order([job(1), job(2, promoted=1), job(3, promoted=2), job(4)])) == [3, 2, 1, 4]


def test_a_users_limit_holds_up_nobody_else() -> None:
    waiting = [job(1), job(2), job(3, "bob"), job(4, "eve")]
    assert numbers(may_start(["ada"], waiting, QueueLimits(1, 3))) == [3, 4]


@given(ACTIVE, WAITING)
def test_without_limits_everybody_starts(active, waiting) -> None:
    assert may_start(active, waiting, QueueLimits()) == in_order(waiting)


@given(ACTIVE, WAITING, LIMITS)
@settings(max_examples=300)
def test_no_more_start_than_may_and_nobody_who_may_is_left(active, waiting, limits) -> None:
    started = may_start(active, waiting, limits)
    now_active = Counter([*active, *(one.user for one in started)])
    left = [one for one in waiting if one not in started]

    def full(user: str) -> bool:
        return (0 < limits.per_user <= now_active[user]) or (0 < limits.per_workspace <= now_active.total())

    assert all(full(one.user) for one in left)
    if started and limits.per_workspace:
        assert now_active.total() <= limits.per_workspace
    for user in {one.user for one in started}:
        assert not limits.per_user or now_active[user] <= limits.per_user


@given(ACTIVE, WAITING, LIMITS)
@settings(max_examples=300)
def test_of_one_users_jobs_none_overtakes_another(active, waiting, limits) -> None:
    started = may_start(active, waiting, limits)
    for user in {one.user for one in waiting}:
        mine = [one for one in in_order(waiting) if one.user == user]
        assert [one for one in started if one.user == user] == mine[: sum(one.user == user for one in started)]


@given(st.lists(st.tuples(USERS, st.none() | st.floats(0, 9e4)), max_size=6), WAITING, LIMITS)
@settings(max_examples=300)
def test_everybody_has_a_place_and_no_expected_start_lies_in_the_past(running, waiting, limits) -> None:
    active = [ActiveJob(*one) for one in running]
    found = places(active, waiting, limits, NOON)
    assert list(found) == [one.id for one in in_order(waiting)]
    assert [place.position for place in found.values()] == list(range(1, len(waiting) + 1))
    expected = [place.expected_start_at for place in found.values()]
    assert all(at >= NOON for at in expected if at is not None)
    first = {one.id for one in may_start([one.user for one in active], waiting, limits)}
    assert {id_ for id_, place in found.items() if place.expected_start_at == NOON} >= first
    assert all(in_words(place) for place in found.values())


def test_a_start_is_expected_when_the_jobs_before_are_over() -> None:
    active = [ActiveJob("ada", 3600), ActiveJob("bob", 1800)]
    waiting = [job(1, "eve", hours=2), job(2, "kim"), job(3, "ada")]
    found = places(active, waiting, QueueLimits(1, 2), NOON)
    after_s = [(place.expected_start_at - NOON).total_seconds() for place in found.values()]
    assert after_s == [1800, 3600, 7200]
    assert [place.reason for place in found.values()] == [WORKSPACE_LIMIT] * 3


def test_where_nobody_knows_when_a_job_ends_nobody_says_when_the_next_one_starts() -> None:
    found = places([ActiveJob("ada")], [job(1), job(2, "bob")], QueueLimits(1, 2), NOON)
    assert [place.expected_start_at for place in found.values()] == [None, NOON]
    assert [place.reason for place in found.values()] == [USER_LIMIT, WORKSPACE_LIMIT]


def test_words_for_people() -> None:
    found = list(places([ActiveJob("ada", 8400)], [job(n) for n in (1, 2, 3)], QueueLimits(1, 3), NOON).values())
    why = "the limit of active jobs for each user is reached"
    assert [in_words(place) for place in found] == [
        f"Waiting for its turn: next in line, expected to start about 14:20 UTC ({why}).",
        f"Waiting for its turn: 1 job ahead, expected to start about 15:20 UTC ({why}).",
        f"Waiting for its turn: 2 jobs ahead, expected to start about 16:20 UTC ({why})."]
    late = places([ActiveJob("ada", 86_400)], [job(1)], QueueLimits(1, 3), NOON)[UUID(int=1)]
    assert "about 12:00 UTC on 2026-11-29" in in_words(late)


def test_a_long_queue_is_reckoned_up_to_a_point() -> None:
    found = places([ActiveJob("ada", 60)], [job(n) for n in range(1, 1001)], QueueLimits(1), NOON)
    assert [place.expected_start_at is None for place in found.values()] == [False] * 100 + [True] * 900
