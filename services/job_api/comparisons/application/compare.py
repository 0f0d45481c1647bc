"""Jobs side by side: what job_api knows of them, and what metrics_ingest measured."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import median
from typing import Any
from uuid import UUID

from chassis.database.engine import Database
from chassis.problems import ServiceUnavailable
from contracts.job_status import JobStatus
from contracts.rpc import metrics
from contracts.rpc.metrics import RangeReply
from services.job_api.base_models import shown_base_model
from services.job_api.comparisons.domain.compared import ComparedJob, Difference, Losses, Verdict, differences
from services.job_api.comparisons.domain.figures import Row as FigureRow
from services.job_api.comparisons.domain.figures import rows
from services.job_api.comparisons.domain.recommendation import Recommendation, recommend
from services.job_api.jobs.domain.interruptions import interruption_count
from services.job_api.jobs.errors import JobNotFound
from services.job_api.jobs.repository import jobs
from services.job_api.jobs.repository.job_rows import Row
from services.job_api.ports import RpcClient

# Minima survive thinning, so the best loss is exact; the median of the throughput is one of these points.
_POINTS = 1_000
_METRICS = ("loss", "validation_loss", "tokens_per_second")
CURVES = ("loss", "validation_loss")


@dataclass(frozen=True)
class Comparison:
    """Everything in the order in which the jobs were asked for. `curves` None: metrics_ingest did not answer, and
    `unavailable` says why."""

    jobs: Sequence[ComparedJob]
    stored: Sequence[Row]
    curves: Sequence[RangeReply | None]
    rows: Sequence[FigureRow]
    differences: Sequence[Difference]
    recommendation: Recommendation
    unavailable: Mapping[str, str]


async def compare(
    database: Database, rpc: RpcClient, workspace_id: UUID, job_ids: Sequence[UUID], max_points: int | None = None
) -> Comparison:
    """`max_points` of each curve; None: as many as the figures need. Raises JobNotFound."""
    async with database.read() as tx:
        stored = [_found(await jobs.view(tx, workspace_id, job_id), job_id) for job_id in job_ids]
    answers = await asyncio.gather(*(_curves(rpc, workspace_id, job_id, max_points or _POINTS) for job_id in job_ids))
    curves = [None if isinstance(answer, str) else answer for answer in answers]
    compared = [_compared(row, series) for row, series in zip(stored, curves, strict=True)]
    missing = [answer for answer in answers if isinstance(answer, str)]
    return Comparison(
        compared, stored, curves, rows(compared), differences(compared), recommend(compared),
        {"metrics": missing[0]} if missing else {})


def _found(row: Row | None, job_id: UUID) -> Row:
    if row is None:
        raise JobNotFound(job_id)
    return row


async def _curves(rpc: RpcClient, workspace_id: UUID, job_id: UUID, max_points: int) -> RangeReply | str:
    """Without an answer, why."""
    try:
        return await rpc.request(metrics.RANGE, metrics.RangeQuery(
            job_id=job_id, workspace_id=workspace_id, metrics=_METRICS, max_points=max_points))
    except ServiceUnavailable as error:
        return error.detail


def _compared(row: Row, series: RangeReply | None) -> ComparedJob:
    started = row["started_at"] is not None
    return ComparedJob(
        id=row["id"], name=row["name"], status=JobStatus(row["status"]), training_file_id=row["training_file_id"],
        configuration=_configuration(row), final_training_loss=row["latest_loss"],
        final_validation_loss=row["latest_validation_loss"], losses=_losses(series), verdict=_verdict(row),
        duration_s=row["duration_s"] if started else None, estimated_duration_s=row["estimated_duration_s"],
        cost_micro_usd=row["actual_cost_micro_usd"] if started else None,
        estimate_micro_usd=row["cost_estimate_micro_usd"], interruptions=interruption_count(row))


def _configuration(row: Row) -> dict[str, Any]:
    return {
        "training_file": row["training_file_name"], "training_file_id": str(row["training_file_id"]),
        "preset": row["preset"], "base_model": shown_base_model(row["base_model"]),
        **row["configuration"]["hyperparameters"], "gpu_type": row["gpu_type"],
        "gpu_pricing_tier": row["gpu_pricing_tier"], "max_duration_s": row["max_duration_s"]}


def _verdict(row: Row) -> Verdict | None:
    found = row["validation"]
    if not found or found.get("verdict") is None:
        return None
    return Verdict(
        found["verdict"], found["perplexity_improvement_pct"], found.get("improvement_low_pct"),
        found.get("improvement_high_pct"), found.get("perplexity_baseline"), found.get("perplexity_trained"),
        found.get("missing_conversations") or 0)


def _losses(series: RangeReply | None) -> Losses:
    if series is None:
        return Losses()
    values = {one.metric: [value for value in one.values if value is not None and isfinite(value)]
              for one in series.series}
    speeds = values.get("tokens_per_second")
    return Losses(min(values.get("loss") or (), default=None), min(values.get("validation_loss") or (), default=None),
                  median(speeds) if speeds else None)
