"""Example events of jobs that wait."""

from typing import Any

from contracts import events
from contracts.envelope import EventData


def waiting_jobs(job: dict[str, Any]) -> dict[str, EventData]:
    return {
        "job.queued": events.JobQueued(**job, requested_by="engineer@example.com"),
        "job.promoted": events.JobPromoted(**job, promoted_by="owner@example.com"),
    }
