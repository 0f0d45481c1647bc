"""A workspace's queue: what is asked and what is shown."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from services.job_api.edge.fields import Request, View


class QueueView(View):
    """Where a job stands that waits: in its workspace's queue or, once it is its turn, in the line for a machine."""

    position: int = Field(ge=1, description="1: next in line")
    ahead: int = Field(ge=0)
    expected_start_at: datetime | None = Field(
        description="From the estimates of the jobs ahead and the progress of those that run; null where nobody can "
                    "tell.")
    reason: Literal["user_limit", "workspace_limit", "capacity"] = Field(
        description="The limit that holds it up; capacity: the provider has no machine free")


class QueuedJobView(QueueView):
    object: Literal["queued_job"]
    job_id: UUID
    name: str
    preset: str
    created_by: str
    requested_by: str | None
    requested_by_name: str | None = Field(description="Of the member who started it; null: nobody who is one now")
    waiting_since: datetime
    promoted_at: datetime | None
    cost_estimate: float | None = Field(description="US dollars, reserved while it waits")
    cost_estimate_micro_usd: int | None
    estimated_duration_seconds: float | None


class QueueLimitsView(View):
    per_user: int = Field(description="0: no limit")
    per_workspace: int = Field(description="0: no limit")


class QueueListQuery(Request):
    limit: int = Field(default=50, ge=1, le=200)
    after: int = Field(default=0, ge=0, le=10**6, description="next_cursor of the page before: a position.")


class QueueList(View):
    object: Literal["list"]
    data: list[QueuedJobView]
    has_more: bool
    next_cursor: str | None
    active_jobs: int = Field(description="Jobs of the workspace that have a place")
    limits: QueueLimitsView
