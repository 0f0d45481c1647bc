"""A job's events, metrics, machines and output."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, RootModel

from contracts.rpc.metrics import AttemptBoundary, LatestValue, Series
from contracts.rpc.pods import PodView
from contracts.rpc.validation import ConversationResult
from services.job_api.edge.fields import CommaSeparated, PlainText, Request, View

_LARGEST_SEQ = 2**63 - 1


# A list is also taken as one text with commas.
MetricName = Annotated[PlainText, Field(json_schema_extra={"pattern": r"^[^\x00,]+$"})]


class EventListQuery(Request):
    type: Annotated[list[PlainText], CommaSeparated] = Field(
        default_factory=list, description="For example training.progressed; any of them.")
    level: Annotated[list[Literal["info", "warning", "error"]], CommaSeparated] = Field(default_factory=list)
    q: Annotated[PlainText, Field(max_length=200)] = Field(default="", description="In message, type and payload.")
    order: Literal["asc", "desc"] = "asc"
    limit: int = Field(default=50, ge=1, le=100)
    after: int | None = Field(default=None, ge=0, le=_LARGEST_SEQ, description="next_cursor of the page before.")
    format: Literal["json", "csv"] | None = Field(
        default=None, description="Export everything that matches as one file instead of a page.")


class EventView(View):
    object: Literal["training_job.event"]
    id: UUID
    seq: int
    job_id: UUID
    type: str
    level: str
    message: str
    attempt: int | None
    source: str
    payload: dict[str, Any]
    occurred_at: datetime
    received_at: datetime


class EventList(View):
    object: Literal["list"]
    data: list[EventView]
    has_more: bool
    next_cursor: str | None


class ExportedEvents(RootModel[list[EventView]]):
    """All entries, as `format=json` has them."""


class NotesHistoryQuery(Request):
    limit: int = Field(default=20, ge=1, le=50)
    after: int | None = Field(default=None, ge=0, le=2**31 - 1, description="next_cursor of the page before.")


class NotesView(View):
    object: Literal["training_job.notes"]
    job_id: UUID
    revision: int
    notes: str = Field(description="Markdown as it was written")
    edited_by: str | None = Field(description="A user's id or a token's subject; null: written before this was kept")
    edited_by_name: str | None = Field(description="Of the member with this id; null: nobody who is one now")
    edited_at: datetime


class NotesHistory(View):
    object: Literal["list"]
    data: list[NotesView]
    has_more: bool
    next_cursor: str | None


class MetricsQuery(Request):
    metrics: Annotated[list[MetricName], CommaSeparated] = Field(
        default_factory=lambda: ["loss", "validation_loss"], min_length=1, max_length=16)
    from_step: int | None = Field(default=None, ge=0, le=2**31 - 1)
    to_step: int | None = Field(default=None, ge=0, le=2**31 - 1)
    max_points: int = Field(default=2000, ge=10, le=5000)


class MetricsView(View):
    object: Literal["training_job.metrics"]
    job_id: UUID
    latest: dict[str, LatestValue]
    series: list[Series]
    boundaries: list[AttemptBoundary]


class PodList(View):
    object: Literal["list"]
    data: list[PodView]
    has_more: Literal[False]
    next_cursor: None


class EvaluationListQuery(Request):
    limit: int = Field(default=100, ge=1, le=5_000, description="Conversations listed.")


class EvaluationOfJob(View):
    """All null and no conversations until the job was evaluated."""

    object: Literal["training_job.evaluation"]
    job_id: UUID
    attempt: int | None
    perplexity_baseline: float | None
    perplexity_trained: float | None
    perplexity_improvement_pct: float | None
    improvement_low_pct: float | None = Field(description="null below 5 independent conversations")
    improvement_high_pct: float | None
    confidence: float | None
    verdict: Literal["proven", "not_proven", "worse", "too_few"] | None
    method: str | None
    independent_conversations: int | None = Field(description="Samples of one source conversation are one")
    missing_conversations: int | None = Field(description="How many more of them a verdict needs")
    worse_conversations: int | None = Field(description="How many of them lost likelihood by the training")
    tokens: int | None
    samples: int = Field(description="Held out in all")
    conversations: list[ConversationResult] = Field(description="Those that lost most first")
    updated_at: datetime | None
