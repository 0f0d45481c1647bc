"""Prometheus metrics of jobs. No label names a job, a user or a workspace."""

from prometheus_client import Counter, Gauge, Histogram

from contracts.error_taxonomy import TrainingErrorType
from contracts.events import InterruptionSource
from contracts.job_status import TERMINAL, JobStatus

_MINUTE, _HOUR = 60, 3600
_BUCKETS = (1, 5, 15, 30, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 20 * _MINUTE, _HOUR, 2 * _HOUR, 4 * _HOUR,
            8 * _HOUR, 24 * _HOUR, 72 * _HOUR)
OPEN = tuple(status for status in JobStatus if status not in TERMINAL)
# What a run warns of (trainer_image.run_health and start_warnings); others are counted as `other`.
WARNINGS = ("steps_stalled", "gpu_underused", "loss_plateau", "loss_rising", "host_memory_filling", "disk_filling",
            "conversations_truncated", "conversations_left_out", "nothing_held_out", "attention_kernel_not_used",
            "other")

JOBS = Gauge("brightrun_jobs", "Jobs that have not ended, by status", ["status"])
STATUS_AGE = Gauge(
    "brightrun_job_status_age_seconds", "Since when the job that has had this status longest has had it", ["status"])
PROGRESS_AGE = Gauge(
    "brightrun_job_progress_age_seconds", "Silence of the training job that has shown no progress for longest")
ENDED = Counter("brightrun_jobs_ended", "Jobs that came to an end", ["outcome"])
FAILURES = Counter("brightrun_job_failures", "Jobs that failed, by the class of their error", ["error_type"])
STATUS_SECONDS = Histogram(
    "brightrun_job_status_duration_seconds", "How long a job had a status when it left it", ["status"],
    buckets=_BUCKETS)
INTERRUPTIONS = Counter(
    "brightrun_job_interruptions", "Machines that were lost while a job ran, by who noticed first", ["detected_by"])
RECOVERY_SECONDS = Histogram(
    "brightrun_job_recovery_duration_seconds", "From the loss of a machine to the next training step", buckets=_BUCKETS)
WARNED = Counter("brightrun_training_warnings", "Warnings of trainers by code", ["code"])


def prepare() -> None:
    """Make every series exist from the start: a first failure is then a step that `rate()` sees."""
    for status in OPEN:
        JOBS.labels(status.value)
        STATUS_AGE.labels(status.value)
        STATUS_SECONDS.labels(status.value)
    for outcome in TERMINAL:
        ENDED.labels(outcome.value)
    for error_type in TrainingErrorType:
        FAILURES.labels(error_type.value)
    for source in InterruptionSource:
        INTERRUPTIONS.labels(source.value)
    for code in WARNINGS:
        WARNED.labels(code)


prepare()
