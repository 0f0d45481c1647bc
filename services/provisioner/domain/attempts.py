"""What follows when an attempt ended before its job did."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from contracts.error_catalogue import CATALOGUE, ErrorCode, entry_of
from contracts.error_taxonomy import TrainingErrorType
from contracts.gpus import PricingTier
from services.provisioner.domain.model import LIVE, Job, Pod, PodStatus
from services.provisioner.domain.policy import RetryPolicy, delay
from services.provisioner.domain.retry_counters import Cause, RetryCounters

SIGKILL_EXIT, SIGTERM_EXIT = 137, 143
# The trainer ended itself because nobody answered its heartbeats (`trainer_image/exit_codes.py`).
ABANDONED_EXIT = 75
_NOT_ITS_FAULT = (None, SIGKILL_EXIT, SIGTERM_EXIT, ABANDONED_EXIT)


def superseded(job: Job | None, pod: Pod | None) -> str | None:
    """Why this attempt should end; None while it counts. After its result it may close in peace."""
    if job is None or pod is None:
        return "no such attempt"
    if pod.attempt != job.attempt:
        return f"attempt {job.attempt} has taken over"
    if pod.status not in LIVE:
        return pod.reason or "the pod is being terminated"
    if not job.active and pod.result is None and not pod.draining:
        return f"the job is {job.state.value}"
    return None


def has_last_words(job: Job | None, pod: Pod | None, now: datetime) -> bool:
    """An attempt that told of its own interruption may save what fits before it is killed, though another goes on."""
    until = pod.last_words_until if pod is not None else None
    return job is not None and job.active and until is not None and now < until


def can_save(pod: Pod) -> bool:
    """Whether asking this attempt for a checkpoint can lead to one: its trainer has spoken, and works."""
    return pod.status is PodStatus.RUNNING and pod.last_heartbeat_at is not None and pod.result is None


@dataclass(frozen=True)
class StartAgain:
    delay_s: float


@dataclass(frozen=True)
class GiveUp:
    """No further attempt: said to the user as `pod.failed`."""

    error_code: ErrorCode
    message: str
    # The figures of the error's explanation (contracts.error_catalogue).
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def error_type(self) -> TrainingErrorType:
        return CATALOGUE[self.error_code].error_type

    @property
    def suggested_fix(self) -> str:
        return CATALOGUE[self.error_code].what_to_do


def cause_of_exit(exit_code: int | None) -> Cause:
    """A process that was killed, or left alone, was interrupted; one that ended by itself crashed. None: the machine
    is gone."""
    return Cause.INTERRUPTED if exit_code in _NOT_ITS_FAULT else Cause.CRASHED


def next_attempt(
    counters: RetryCounters, cause: Cause, policy: RetryPolicy, *, reason: str,
    error_type: TrainingErrorType = TrainingErrorType.UNKNOWN, error_code: str | None = None,
) -> StartAgain | GiveUp:
    """`counters` already include the attempt that just ended."""
    if cause is Cause.INTERRUPTED:
        if counters.interruptions > policy.interruptions:
            return _too_often_interrupted(counters)
        return StartAgain(0.0)
    if cause is Cause.NOT_STARTED:
        if counters.not_started >= policy.not_started:
            return _never_started(counters, reason, error_code)
        return StartAgain(delay(policy.create_delays_s, counters.not_started))
    if counters.faults >= policy.faults:
        code = ErrorCode.TRAINER_CRASHED if cause is Cause.CRASHED else entry_of(error_type, error_code, reason).code
        return GiveUp(code, f"The trainer failed {counters.faults} times without progress: {reason}",
                      {"tries": counters.faults, "reason": reason})
    return StartAgain(delay(policy.fault_delays_s, counters.faults))


def _too_often_interrupted(counters: RetryCounters) -> GiveUp:
    return GiveUp(
        ErrorCode.INTERRUPTED_TOO_OFTEN,
        f"The machine was interrupted {counters.interruptions} times without a new checkpoint in between.",
        {"interruptions": counters.interruptions},
    )


def _never_started(counters: RetryCounters, reason: str, error_code: str | None) -> GiveUp:
    entry = entry_of(TrainingErrorType.PROVISIONING, error_code or ErrorCode.MACHINE_NOT_STARTED)
    return GiveUp(entry.code, f"No machine came up in {counters.not_started} tries: {reason}",
                  {"tries": counters.not_started, "reason": reason})


def timed_out(max_duration_s: int) -> GiveUp:
    hours = max_duration_s / 3600
    length = f"{hours:g} h" if hours >= 1 else f"{max_duration_s} s"
    return GiveUp(ErrorCode.TIME_LIMIT, f"The training exceeded its limit of {length}.", {"max_duration_h": hours})


def deadline(job: Job) -> datetime | None:
    """When the whole job has run long enough, over all attempts; None until its first machine ran. A pause does not
    count: its end moves `first_running_at` on by its length."""
    if job.first_running_at is None or job.spec is None:
        return None
    return job.first_running_at + timedelta(seconds=job.spec.max_duration_s)


def remaining_s(job: Job, now: datetime) -> int:
    """What is left of the job's time for an attempt that starts now; at least one second."""
    assert job.spec is not None
    end = deadline(job)
    return job.spec.max_duration_s if end is None else max(1, int((end - now).total_seconds()))


# `auto` buys spot until it was taken away this often, or could not be had at all, without progress.
_SPOT_INTERRUPTIONS = 3


def takes_on_demand(
    wanted: PricingTier, pod: Pod, policy: RetryPolicy, *, failed_offers: int, now: datetime
) -> bool:
    """Whether a pod of an `auto` job stops to ask for spot, which was not to be had `failed_offers` times."""
    if wanted is not PricingTier.AUTO or pod.pricing_tier is not PricingTier.SPOT:
        return False
    waited_s = (now - (pod.waiting_since or pod.creating_since or now)).total_seconds()
    return failed_offers >= policy.spot_offers or waited_s >= policy.spot_wait_s


def tier_for(wanted: PricingTier, counters: RetryCounters) -> PricingTier:
    """The concrete tier of the next pod."""
    if wanted is not PricingTier.AUTO:
        return wanted
    return PricingTier.ON_DEMAND if tier_reason(wanted, counters) else PricingTier.SPOT


def tier_reason(wanted: PricingTier, counters: RetryCounters) -> str:
    """Why the next pod of an `auto` job is not spot; empty when it is."""
    if wanted is not PricingTier.AUTO:
        return ""
    if counters.not_started > 0:
        return "the spot machine did not come up: on-demand next"
    if counters.interruptions >= _SPOT_INTERRUPTIONS:
        return f"spot was taken away {counters.interruptions} times without a new checkpoint: on-demand next"
    return ""
