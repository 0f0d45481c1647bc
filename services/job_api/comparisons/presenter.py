"""Comparisons as the API shows them."""

from typing import Any

from contracts.rpc.metrics import RangeReply
from services.job_api.comparisons.application.compare import CURVES, Comparison
from services.job_api.comparisons.domain.figures import OTHER_CONVERSATIONS, Row
from services.job_api.jobs.repository.job_rows import Row as StoredRow

_STORED = ("id", "name", "status", "training_file_id", "training_file_name", "preset", "created_by",
           "created_by_name", "validation")


def comparison(found: Comparison, *, with_curves: bool) -> dict[str, Any]:
    jobs = [_job(row, series if with_curves else None) for row, series in zip(found.stored, found.curves, strict=True)]
    advice = found.recommendation
    return {
        "object": "comparison", "jobs": jobs, "figures": [_figure(row) for row in found.rows],
        "configuration_differences": [
            {"name": one.name, "values": list(one.values)} for one in found.differences],
        "recommendation": {"job_id": advice.job_id, "basis": advice.basis.value, "reason": advice.reason,
                           "would_change": list(advice.would_change)},
        "unavailable": dict(found.unavailable)}


def _job(row: StoredRow, series: RangeReply | None) -> dict[str, Any]:
    return {name: row[name] for name in _STORED} | {
        "cost_is_final": row["cost_final"], "curves": _curves(series) if series else None}


def _curves(found: RangeReply) -> dict[str, Any]:
    document = found.model_dump(mode="json")
    return {"series": [one for one in document["series"] if one["metric"] in CURVES],
            "boundaries": document["boundaries"]}


def _figure(row: Row) -> dict[str, Any]:
    figure = row.figure
    return {
        "name": figure.name, "title": figure.title, "unit": figure.unit, "better": figure.better,
        "values": list(row.values),
        "differences": list(row.differences), "differences_pct": list(row.differences_pct),
        "best": list(row.best), "comparable": row.comparable, "note": "" if row.comparable else OTHER_CONVERSATIONS}

