"""Whose turn it is in a workspace: first in, first out, within limits for each user and for the workspace."""

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

USER_LIMIT, WORKSPACE_LIMIT = "user_limit", "workspace_limit"
# Further back nobody can say when a job starts.
_FORESEEN = 100


@dataclass(frozen=True)
class QueueLimits:
    """How many jobs may be active at a time: those of one user, and those of one workspace. 0: any number."""

    per_user: int = 0
    per_workspace: int = 0


@dataclass(frozen=True)
class ActiveJob:
    """`remaining_s`: until it makes place for another one; None where nobody can tell."""

    user: str
    remaining_s: float | None = None


@dataclass(frozen=True)
class WaitingJob:
    """`since`: when it entered the queue; `duration_s`: how long it will run, None where nobody can tell."""

    id: UUID
    user: str
    since: datetime
    promoted_at: datetime | None = None
    duration_s: float | None = None


@dataclass(frozen=True)
class Place:
    """Where a job stands that waits for its turn, as of `at`. `reason`: the limit that holds it up."""

    position: int
    expected_start_at: datetime | None
    reason: str
    at: datetime

    @property
    def ahead(self) -> int:
        return self.position - 1


def in_order(waiting: Iterable[WaitingJob]) -> list[WaitingJob]:
    """Those that were promoted stand in front, the one promoted last first of all; the others as they came."""
    came = sorted(waiting, key=lambda job: (job.since, job.id))
    promoted = [job for job in came if job.promoted_at is not None]
    promoted.sort(key=lambda job: job.promoted_at or job.since, reverse=True)
    return [*promoted, *(job for job in came if job.promoted_at is None)]


def may_start(active: Iterable[str], waiting: Iterable[WaitingJob], limits: QueueLimits) -> list[WaitingJob]:
    """Who starts now, in order. `active`: the user of each active job. A job that its user's limit holds up holds up
    nobody behind it."""
    places = _Places(active, limits)
    return [job for job in in_order(waiting) if places.take(job.user)]


def places(
    active: Sequence[ActiveJob], waiting: Iterable[WaitingJob], limits: QueueLimits, now: datetime
) -> dict[UUID, Place]:
    """Each waiting job's place, by its id, in the order in which they stand."""
    order, taken = in_order(waiting), _Places((job.user for job in active), limits)
    expected = dict(_starts(active, order[:_FORESEEN], limits))
    return {job.id: Place(number, _moment(now, expected.get(job.id)), taken.reason(job.user), now)
            for number, job in enumerate(order, start=1)}


def in_words(place: Place) -> str:
    """For a person."""
    ahead = f"{place.ahead} job{'s' if place.ahead > 1 else ''} ahead" if place.ahead else "next in line"
    why = {USER_LIMIT: "the limit of active jobs for each user is reached",
           WORKSPACE_LIMIT: "the limit of active jobs of the workspace is reached"}[place.reason]
    return f"Waiting for its turn: {ahead}{_about(place)} ({why})."


def _about(place: Place) -> str:
    start = place.expected_start_at
    if start is None:
        return ""
    day = "" if start.date() == place.at.date() else f" on {start:%Y-%m-%d}"
    return f", expected to start about {start:%H:%M} UTC{day}"


def _moment(now: datetime, after_s: float | None) -> datetime | None:
    return None if after_s is None or math.isinf(after_s) else now + timedelta(seconds=after_s)


def _starts(
    active: Sequence[ActiveJob], order: Sequence[WaitingJob], limits: QueueLimits
) -> Iterator[tuple[UUID, float]]:
    """(job, seconds from now): whenever a job ends, those start that may. Infinite where nobody can tell."""
    taken, now_s, waiting = _Places((job.user for job in active), limits), 0.0, list(order)
    ends = [(_or_never(job.remaining_s), job.user) for job in active]
    heapq.heapify(ends)
    while waiting:
        for job in [job for job in waiting if taken.take(job.user)]:
            yield job.id, now_s
            heapq.heappush(ends, (now_s + _or_never(job.duration_s), job.user))
            waiting.remove(job)
        if not ends:
            return
        now_s, user = heapq.heappop(ends)
        taken.give_back(user)


def _or_never(seconds: float | None) -> float:
    return math.inf if seconds is None else max(0.0, seconds)


class _Places:
    """The places that the limits leave."""

    def __init__(self, active: Iterable[str], limits: QueueLimits) -> None:
        self._by_user, self._limits = Counter(active), limits

    def take(self, user: str) -> bool:
        free = not (self._workspace_is_full or self._is_full(user))
        self._by_user[user] += free
        return free

    def give_back(self, user: str) -> None:
        self._by_user[user] -= 1

    def reason(self, user: str) -> str:
        return USER_LIMIT if self._is_full(user) and not self._workspace_is_full else WORKSPACE_LIMIT

    @property
    def _workspace_is_full(self) -> bool:
        return 0 < self._limits.per_workspace <= self._by_user.total()

    def _is_full(self, user: str) -> bool:
        return 0 < self._limits.per_user <= self._by_user[user]
