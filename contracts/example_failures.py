"""Examples of events that say which failure of the catalogue it was."""

from datetime import datetime
from typing import Any

from contracts import events
from contracts.envelope import EventData
from contracts.error_catalogue import CATALOGUE, ErrorCode


def told_failures(
    job: dict[str, Any], pod: dict[str, Any], trainer: dict[str, Any], at: datetime
) -> dict[str, EventData]:
    """The arguments: what events of these three speak about."""
    no_capacity = {
        **_failure(ErrorCode.NO_GPU_CAPACITY, "No machine was to be had for 24 hours."),
        "context": {"waited_h": 24.0, "tries": 1},
    }
    no_memory = {
        **_failure(ErrorCode.GPU_OUT_OF_MEMORY, "Out of memory during training at step 12."),
        "context": {"longest_conversation_tokens": 3_888, "memory_used_gb": 79.1, "memory_total_gb": 79.6},
    }
    names = {"job_name": "Elena, first run", "created_by": "engineer@example.com"}
    return {
        "job.failed.with_code": events.JobFailed(**job, **names, **no_capacity, failed_at=at),
        "pod.failed.with_code": events.PodFailed(**pod, **no_capacity),
        "training.failed.with_code": events.TrainingFailed(**trainer, **no_memory, retryable=False, failed_at=at),
    }


def _failure(code: ErrorCode, message: str) -> dict[str, Any]:
    entry = CATALOGUE[code]
    return {
        "error_type": entry.error_type,
        "error_code": code,
        "message": message,
        "suggested_fix": entry.what_to_do,
    }
