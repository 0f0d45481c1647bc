"""Comparisons: what is asked and what is shown."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from contracts.job_status import JobStatus
from contracts.rpc.metrics import AttemptBoundary, Series
from services.job_api.comparisons.domain.recommendation import Basis
from services.job_api.edge.fields import VALIDATION, CommaSeparated, Request, View
from services.job_api.jobs.schemas.jobs import CREATED_BY_NAME


def _distinct(ids: list[UUID]) -> list[UUID]:
    if len(set(ids)) < len(ids):
        raise ValueError("a job is compared with others, not with itself")
    return ids


class ComparisonQuery(Request):
    job: Annotated[list[UUID], CommaSeparated, AfterValidator(_distinct)] = Field(
        min_length=2, max_length=4, json_schema_extra={"uniqueItems": True},
        description="Two to four jobs; the first is the baseline of the differences.")
    max_points: int | None = Field(
        default=None, ge=10, le=2_000, description="With the loss curves of all of them, each thinned to so many "
                                                   "points; minima and maxima survive.")


class CurvesView(View):
    """As `GET /jobs/{job_id}/metrics` tells them: columns of equal length."""

    series: list[Series]
    boundaries: list[AttemptBoundary]


class ComparedJobView(View):
    id: UUID
    name: str
    status: JobStatus
    training_file_id: UUID
    training_file_name: str
    preset: str
    created_by: str
    created_by_name: str | None = Field(description=CREATED_BY_NAME)
    cost_is_final: bool
    validation: dict[str, Any] | None = Field(description=VALIDATION)
    curves: CurvesView | None = Field(description="null unless `max_points` asked for them, or without an answer")


class FigureView(View):
    """One row. Everything in it stands in the order of the jobs."""

    name: str
    title: str
    unit: str
    better: Literal["lower", "higher"]
    values: list[float | None]
    differences: list[float | None] = Field(
        description="From the first job's value; null where one of both is not known or they are not comparable")
    differences_pct: list[float | None] = Field(
        description="The same in per cent of the first job's value; null also where that is 0, or the values are "
                    "in per cent already")
    best: list[UUID] = Field(
        description="Of the completed jobs; several where they are equal, none where all are or `comparable` is false")
    comparable: bool
    note: str = Field(description="Why the values are not comparable; else empty")


class DifferenceView(View):
    name: str
    values: list[Any]


class RecommendationView(View):
    job_id: UUID | None = Field(description="null: no recommendation, the evidence does not suffice")
    basis: Basis
    reason: str
    would_change: list[str] = Field(description="What would lead to another answer")


class ComparisonView(View):
    object: Literal["comparison"]
    jobs: list[ComparedJobView]
    figures: list[FigureView]
    configuration_differences: list[DifferenceView] = Field(description="Only what is not the same in all of them")
    recommendation: RecommendationView
    unavailable: dict[str, str] = Field(description="What could not be asked just now, and why")
