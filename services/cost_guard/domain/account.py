"""What the guard knows of one job's money."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.cost_guard.domain.report import Published

DELETED = "deleted"


class JobOfAnotherWorkspace(Exception):
    """There is an account of this job, and not in the workspace that is spoken of."""


@dataclass(frozen=True)
class JobAccount:
    """One row. `estimate` is the answer that was reserved for; `outcome` names the event that ended the job. `next_*`:
    money for a start that is not heard of yet, beside what the job holds (`kept_micro_usd`)."""

    job_id: UUID
    workspace_id: UUID
    reservation_id: UUID | None = None
    reserved_micro_usd: int = 0
    closed_reservations: tuple[UUID, ...] = ()
    estimate: dict[str, Any] | None = None
    estimate_micro_usd: int | None = None
    physical_s: float | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str | None = None
    overrun_published: bool = False
    limit_published: bool = False
    settled_micro_usd: int | None = None
    published: Published | None = None
    next_reservation_id: UUID | None = None
    next_reserved_micro_usd: int = 0
    kept_micro_usd: int = 0
    run: int = 0
    paused_run: int = -1

    @property
    def held_micro_usd(self) -> int:
        """What the job holds by its newest start, whatever it asks for beside it."""
        return self.kept_micro_usd if self.next_reservation_id is not None else self.reserved_micro_usd

    @property
    def is_pending(self) -> bool:
        """Neither started nor ended, as far as was heard."""
        return self.started_at is None and self.ended_at is None
