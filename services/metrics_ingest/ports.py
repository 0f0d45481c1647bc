"""What metrics_ingest needs beside its database."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from services.metrics_ingest.domain.points import Points
from services.metrics_ingest.domain.stored import Stored


@dataclass(frozen=True, slots=True)
class Window:
    """Every point of the job with a step above `floor`; in order of arrival."""

    floor: int
    points: Points


class HotWindow(Protocol):
    """A cache of each job's newest points and latest values. Never raises and never waits long; what it returns is
    of the version that was asked for."""

    async def add(self, stored: Stored) -> None:
        """After a commit: append to the windows of all jobs that changed, or drop them when it is not known which
        of the points were new."""

    async def put(self, job_id: UUID, version: int, floor: int, points: Points) -> None:
        """A window built from the database."""

    async def get(self, job_id: UUID, version: int, from_step: int) -> Window | None:
        """The window if it is up to date and reaches down to `from_step`."""

    async def is_current(self, job_id: UUID, version: int) -> bool:
        """Whether there is a window of this version, however far it reaches; also true when the cache is away."""

    async def drop(self, job_id: UUID) -> None: ...

    async def latest(self, job_id: UUID, version: int) -> bytes | None:
        """The remembered answer about the latest values."""

    async def remember_latest(self, job_id: UUID, version: int, answer: bytes) -> None: ...
