"""What is known of a job."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as a writer sees it. `points`: stored so far; `resumed`: attempt -> step it resumed from; `names`: of
    its metrics."""

    job_no: int
    workspace_id: UUID
    version: int
    points: int
    deleted: bool
    resumed: Mapping[int, int]
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as a reader sees it. `resumed` is attempt -> step it resumed from; `metrics` is name -> number."""

    job_id: UUID
    job_no: int
    version: int
    resumed: dict[int, int]
    metrics: dict[str, int]
