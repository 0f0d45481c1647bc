"""Example events of jobs that wait."""

from typing import Any

from contracts import events
from contracts.envelope import EventData
from contracts.example_values import AT


def waiting_jobs(job: dict[str, Any], pod: dict[str, Any], machine: dict[str, Any]) -> dict[str, EventData]:
    return {
        "job.queued": events.JobQueued(**job, requested_by="engineer@example.com"),
        "job.promoted": events.JobPromoted(**job, promoted_by="owner@example.com"),
        "pod.waiting": events.PodWaiting(
            **pod, **machine, ahead=2, waiting_since=AT, reason="all 2 local places are taken"
        ),
    }
