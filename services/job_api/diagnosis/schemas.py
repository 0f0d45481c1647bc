"""Failures: what is asked and what is shown."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from contracts.error_catalogue import ErrorCode
from contracts.error_taxonomy import FailureClass, TrainingErrorType
from services.job_api.edge.fields import CommaSeparated, Moment, PresetName, Request, View
from services.job_api.jobs.schemas.jobs import ErrorView
from services.job_api.jobs.schemas.logs import LogLineView
from services.job_api.jobs.schemas.retries import SuccessView


class StatisticsQuery(Request):
    preset: Annotated[list[PresetName], CommaSeparated] = Field(default_factory=list)
    ended_after: Moment | None = Field(default=None, description="Jobs that ended then or later.")
    ended_before: Moment | None = None


class RetryStatistics(View):
    """How retries went, by whether they followed all that was suggested."""

    with_suggestion: SuccessView
    without_suggestion: SuccessView


class CodeView(View):
    code: ErrorCode
    error_type: TrainingErrorType
    class_: FailureClass = Field(alias="class")
    title: str
    docs_url: str
    count: int
    share: float = Field(description="Of all failed jobs")
    presets: dict[str, int]
    retries: RetryStatistics


class PresetView(View):
    preset: str
    ended: int
    failed: int
    failure_rate: float
    most_frequent: ErrorCode | None


class StatisticsView(View):
    object: Literal["error_statistics"]
    ended_after: datetime | None
    ended_before: datetime | None
    ended: int = Field(description="Jobs that completed or failed")
    failed: int
    codes: list[CodeView] = Field(description="The most frequent first")
    presets: list[PresetView]
    retries: RetryStatistics


class FailureView(View):
    """Why a job failed, with the last lines of its trainer."""

    object: Literal["training_job.error"]
    job_id: UUID
    trace_id: str | None = Field(description="Finds the failure in logs and traces")
    error: ErrorView | None = Field(description="null unless the job failed")
    log_lines: list[LogLineView] = Field(description="The last 100 lines of the newest attempt's output")
    unavailable: dict[str, str] = Field(description="What could not be asked just now, and why")
