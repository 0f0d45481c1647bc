"""Several jobs at once."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from services.job_api.edge.fields import Body, View
from services.job_api.jobs.schemas.steering import Reason

BulkAction = Literal["cancel", "delete"]


class BulkJobs(Body):
    action: BulkAction
    job_ids: Annotated[list[UUID], Field(min_length=1, max_length=100)]
    reason: Reason = Field(default="", description="Of a cancellation.")


class RefusalView(View):
    code: str
    detail: str
    suggested_fix: str


class BulkOutcomeView(View):
    job_id: UUID
    done: bool
    problem: RefusalView | None = Field(description="Why it was not done")


class BulkResult(View):
    object: Literal["training_job.bulk"]
    action: BulkAction
    done: int
    refused: int
    data: list[BulkOutcomeView]
