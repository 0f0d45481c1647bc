"""What the template of a comparison is given: texts and numbers, all as the page shows them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from services.dashboard.api import Outcome
from services.dashboard.comparison import AXES, CURVES, Compared, Row
from services.dashboard.pdf.plot import plot, points
from services.dashboard.words import label


def document(
    found: Compared, series: Mapping[str, Outcome], axis: str, link: str, now: datetime
) -> dict[str, Any]:
    """`series`: each job's answer of the API, or why there is none. `link`: where the page shows the same."""
    at = now.astimezone(UTC).replace(microsecond=0)
    recommended = found.recommended
    return {
        "title": f"Comparison of {len(found.columns)} training jobs", "made_at": at.isoformat(),
        "made_at_words": f"{at:%Y-%m-%d %H:%M} UTC", "link": link,
        "jobs": [_job(column) for column in found.columns],
        "recommended": recommended.job["name"] if recommended else None, "reason": found.advice["reason"],
        "would_change": list(found.advice["would_change"]),
        "notes": found.notes,
        "rows": [_row(row) for row in found.rows], "settings": [_row(row) for row in found.settings],
        "charts": [_chart(found, series, metric, axis) for metric in CURVES],
        "missing": _missing(found, series),
    }


def _job(column: Any) -> dict[str, Any]:
    job = column.job
    return {
        "number": column.number, "name": job["name"], "status": label(job["status"]), "id": job["id"],
        "preset": label(job["preset"]), "file": job["training_file_name"],
        "creator": job["created_by_name"] or job["created_by"], "is_baseline": column.is_baseline,
        "cost_is_final": job["cost_is_final"], "has_ended": column.has_ended}


def _row(row: Row) -> dict[str, Any]:
    cells = [{"value": cell.value, "difference": cell.difference, "best": cell.best} for cell in row.cells]
    return {"title": row.title, "unit": row.unit, "note": row.note, "cells": cells}


def _chart(found: Compared, series: Mapping[str, Outcome], metric: str, axis: str) -> dict[str, Any]:
    lines = {column.number: points(series[column.job["id"]].value, metric, axis)
             for column in found.columns if series[column.job["id"]].value}
    ends = [f"{column.job['name']} from {line[0][1]:.4g} to {line[-1][1]:.4g}"
            for column in found.columns if (line := lines.get(column.number))]
    return {"title": CURVES[metric], "unit": "nats per token", "x_title": AXES[axis],
            "alt": f"{CURVES[metric]} in nats per token over {AXES[axis].lower()}: {'; '.join(ends)}.", **plot(lines)}


def _missing(found: Compared, series: Mapping[str, Outcome]) -> list[str]:
    away = [f"The curves of {column.job['name']} could not be read: {series[column.job['id']].problem}"
            for column in found.columns if series[column.job["id"]].problem]
    return [*(f"Not all could be asked: {reason}" for reason in found.unavailable.values()), *away]
