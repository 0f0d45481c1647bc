"""What cost_guard says about money. All amounts are integer micro-dollars."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from pydantic import Field

from contracts.envelope import EventData, JobEventData


class CostUpdated(JobEventData):
    """The cost of a job so far, current to `as_of`."""

    entity: ClassVar[str] = "cost"
    event: ClassVar[str] = "updated"

    cost_micro_usd: int = Field(ge=0)
    estimate_micro_usd: int | None = None
    billed_seconds: float = Field(ge=0)
    running: bool
    final: bool = False
    # How the job ended (completed, failed, cancelled), once it has.
    outcome: str | None = None
    as_of: datetime


class CostOverrun(JobEventData):
    """A job costs more than 20 % above its estimate."""

    entity: ClassVar[str] = "cost"
    event: ClassVar[str] = "overrun"

    cost_micro_usd: int = Field(ge=0)
    estimate_micro_usd: int = Field(ge=0)
    variance_percent: float
    as_of: datetime


class CostLimitReached(JobEventData):
    """A running job has used up what was reserved for it, and the month's budget has nothing left; said once per job.

    The job ends here. One that is within its reservation goes on, also where the month is over its budget.
    """

    entity: ClassVar[str] = "cost"
    event: ClassVar[str] = "limit_reached"

    cost_micro_usd: int = Field(ge=0)
    reserved_micro_usd: int = Field(ge=0)
    month: str = Field(pattern=r"^\d{4}-\d{2}$")
    budget_micro_usd: int = Field(ge=0)
    as_of: datetime


class BudgetEvent(EventData):
    entity: ClassVar[str] = "budget"
    key_field: ClassVar[str] = "workspace_id"

    workspace_id: UUID
    month: str = Field(pattern=r"^\d{4}-\d{2}$")
    limit_micro_usd: int = Field(ge=0)
    spent_micro_usd: int = Field(ge=0)
    reserved_micro_usd: int = Field(ge=0)
    as_of: datetime


class BudgetThreshold(BudgetEvent):
    """Spending crossed a threshold (80 % and 95 % by default); said once per month and threshold."""

    event: ClassVar[str] = "threshold"

    threshold_percent: int = Field(ge=1, le=100)


class BudgetExceeded(BudgetEvent):
    """A month costs more than its budget; said once per month."""

    event: ClassVar[str] = "exceeded"
