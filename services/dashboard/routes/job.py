"""The page of one job. What it cannot do without is the job; every other card may be away."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from brightrun.client import Client
from contracts.gpus import PricingTier
from services.dashboard.api import Outcome
from services.dashboard.charts import CHARTS
from services.dashboard.job_view import cost, has_ended, latest_values, steps, without_change
from services.dashboard.log_view import filters
from services.dashboard.visit import SignedIn, Visit

router = APIRouter()
EVENTS_SHOWN, LINES_SHOWN = 50, 200
# Back from the oldest of the newest values: enough for a second one of what is measured at each step.
_STEPS_BEFORE = 100
# Where no point is: the newest values come with any question, and a curve of a million points is not read for them.
_BEYOND = 2**31 - 1
TIERS = tuple(tier.value for tier in PricingTier)


@router.get("/jobs/{job_id}")
def show_job(visit: SignedIn, job_id: UUID) -> Response:
    return job_page(visit, str(job_id))


def job_page(visit: Visit, job_id: str, *, status: int = 200, **more: Any) -> Response:
    """With `problem`: what became of a form of this page."""
    found = visit.together(**calls(visit.client, job_id))
    job = found["job"].needed()
    return visit.page("job.html", status=status, **(context(job, found, visit.parts.clock.now()) | more))


def calls(client: Client, job_id: str) -> dict[str, Callable[[], Any]]:
    """All that the page shows, asked at the same time."""
    return {
        "job": lambda: client.job(job_id).model_dump(),
        "events": lambda: client.events(job_id, limit=EVENTS_SHOWN, order="desc").model_dump(),
        "changes": lambda: client.events(job_id, limit=100, type="job.status_changed").data,
        "attempts": partial(client.attempts, job_id),
        "latest": partial(latest_of, client, job_id),
        "artifacts": partial(client.artifacts, job_id),
        "downloads": partial(client.downloads, job_id, 20),
        "evaluation": partial(client.evaluation, job_id, 20),
        "logs": lambda: client.log_lines(job_id, tail=LINES_SHOWN),
        "presets": client.presets,
    }


def latest_of(client: Client, job_id: str) -> list[dict[str, Any]]:
    """The newest value of each metric with its change; what is a little older comes with a second question, and what is
    measured more rarely than every so many steps with a third."""
    found = client.metrics(job_id, ["loss"], from_step=_BEYOND, max_points=10)["latest"]
    if not found:
        return []
    since = max(0, min(value["step"] for value in found.values()) - _STEPS_BEFORE)
    before = _values(client.metrics(job_id, sorted(found)[:16], from_step=since))
    if since and (rare := without_change(found, before)):
        before |= _values(client.metrics(job_id, rare[:16]))
    return latest_values(found, before)


def _values(found: dict[str, Any]) -> dict[str, list[Any]]:
    return {series["metric"]: series["values"] for series in found["series"]}


def context(job: dict[str, Any], found: dict[str, Outcome], now: datetime) -> dict[str, Any]:
    entries = found["events"].value or {"data": [], "has_more": False, "next_cursor": None}
    return {
        "job": job, "ended": has_ended(job), "charts": CHARTS, "tiers": TIERS, "problem": None,
        "steps": steps(job, found["changes"].value or [], now),
        "cost": cost(job, found["attempts"].value), "entries": entries, "card": found, "kinds": filters(),
        "attempts": found["attempts"].value,
        "seen": max((entry["seq"] for entry in entries["data"]), default=0),
    }
