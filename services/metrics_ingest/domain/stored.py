"""What a transaction did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from services.metrics_ingest.domain.points import Points


@dataclass(frozen=True, slots=True)
class ChangedJob:
    job_id: UUID
    job_no: int
    version: int


@dataclass(frozen=True, slots=True)
class Stored:
    """`refused` (with the reason) and `dropped` are positions of reports; `changed` are the jobs that read
    differently now. `points` are those offered, in key order."""

    points: Points | None = None
    inserted: int = 0
    changed: Sequence[ChangedJob] = ()
    refused: Mapping[int, str] = field(default_factory=dict)
    dropped: frozenset[int] = frozenset()

    @property
    def offered(self) -> int:
        return 0 if self.points is None else len(self.points)
