"""What follows when an attempt ended before its job did."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.error_taxonomy import ERROR_CLASSES, TrainingErrorType
from contracts.gpus import PricingTier
from services.provisioner.domain.model import LIVE, Job, Pod
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
    if not job.active and pod.result is None:
        return f"the job is {job.state.value}"
    return None


def has_last_words(job: Job | None, pod: Pod | None, now: datetime) -> bool:
    """An attempt that told of its own interruption may save what fits before it is killed, though another goes on."""
    until = pod.last_words_until if pod is not None else None
    return job is not None and job.active and until is not None and now < until


@dataclass(frozen=True)
class StartAgain:
    delay_s: float


@dataclass(frozen=True)
class GiveUp:
    """No further attempt: said to the user as `pod.failed`."""

    error_type: TrainingErrorType
    message: str
    suggested_fix: str


def cause_of_exit(exit_code: int | None) -> Cause:
    """A process that was killed, or left alone, was interrupted; one that ended by itself crashed. None: the machine
    is gone."""
    return Cause.INTERRUPTED if exit_code in _NOT_ITS_FAULT else Cause.CRASHED


def next_attempt(
    counters: RetryCounters, cause: Cause, policy: RetryPolicy, *, reason: str,
    error_type: TrainingErrorType = TrainingErrorType.UNKNOWN,
) -> StartAgain | GiveUp:
    """`counters` already include the attempt that just ended."""
    if cause is Cause.INTERRUPTED:
        if counters.interruptions > policy.interruptions:
            return _too_often_interrupted(counters)
        return StartAgain(0.0)
    if cause is Cause.NOT_STARTED:
        if counters.not_started >= policy.not_started:
            message = f"No machine came up in {counters.not_started} tries: {reason}"
            return give_up(TrainingErrorType.PROVISIONING, message)
        return StartAgain(delay(policy.create_delays_s, counters.not_started))
    if counters.faults >= policy.faults:
        return give_up(error_type, f"The trainer failed {counters.faults} times without progress: {reason}")
    return StartAgain(delay(policy.fault_delays_s, counters.faults))


def _too_often_interrupted(counters: RetryCounters) -> GiveUp:
    return GiveUp(
        TrainingErrorType.NETWORK,
        f"The machine was interrupted {counters.interruptions} times without a new checkpoint in between.",
        "Choose on_demand capacity, which is not taken away, then retry.",
    )


def give_up(error_type: TrainingErrorType, message: str) -> GiveUp:
    return GiveUp(error_type, message, ERROR_CLASSES[error_type].suggested_fix)


def timed_out(max_duration_s: int) -> GiveUp:
    hours = max_duration_s / 3600
    length = f"{hours:g} h" if hours >= 1 else f"{max_duration_s} s"
    return give_up(TrainingErrorType.TIMEOUT, f"The training exceeded its limit of {length}.")


def deadline(job: Job) -> datetime | None:
    """When the whole job has run long enough, over all attempts; None until its first machine ran."""
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
    waited_s = (now - (pod.creating_since or now)).total_seconds()
    return failed_offers >= policy.spot_offers or waited_s >= policy.spot_wait_s


def tier_for(wanted: PricingTier, counters: RetryCounters) -> PricingTier:
    """The concrete tier of the next pod."""
    if wanted is not PricingTier.AUTO:
        return wanted
    lost_patience = counters.not_started > 0 or counters.interruptions >= _SPOT_INTERRUPTIONS
    return PricingTier.ON_DEMAND if lost_patience else PricingTier.SPOT
