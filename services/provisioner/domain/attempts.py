"""What follows when an attempt ended before its job did."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.error_taxonomy import ERROR_CLASSES, TrainingErrorType
from contracts.gpus import PricingTier
from services.provisioner.domain.limits import Limits, delay
from services.provisioner.domain.model import Job
from services.provisioner.domain.strikes import Cause, Strikes

SIGKILL_EXIT, SIGTERM_EXIT = 137, 143


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
    """A process that was killed was interrupted, one that ended by itself crashed. None: the machine is gone."""
    return Cause.INTERRUPTED if exit_code in (None, SIGKILL_EXIT, SIGTERM_EXIT) else Cause.CRASHED


def next_attempt(
    strikes: Strikes, cause: Cause, limits: Limits, *, reason: str,
    error_type: TrainingErrorType = TrainingErrorType.UNKNOWN,
) -> StartAgain | GiveUp:
    """`strikes` already counts the attempt that just ended."""
    if cause is Cause.INTERRUPTED:
        if strikes.interruptions > limits.interruptions:
            return _too_often_interrupted(strikes)
        return StartAgain(0.0)
    if cause is Cause.NOT_STARTED:
        if strikes.not_started >= limits.not_started:
            message = f"No machine came up in {strikes.not_started} tries: {reason}"
            return give_up(TrainingErrorType.PROVISIONING, message)
        return StartAgain(delay(limits.create_delays_s, strikes.not_started))
    if strikes.faults >= limits.faults:
        return give_up(error_type, f"The trainer failed {strikes.faults} times without progress: {reason}")
    return StartAgain(delay(limits.fault_delays_s, strikes.faults))


def _too_often_interrupted(strikes: Strikes) -> GiveUp:
    return GiveUp(
        TrainingErrorType.NETWORK,
        f"The machine was interrupted {strikes.interruptions} times without a new checkpoint in between.",
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


def tier_for(wanted: PricingTier, strikes: Strikes) -> PricingTier:
    """The concrete tier of the next pod."""
    if wanted is not PricingTier.AUTO:
        return wanted
    lost_patience = strikes.not_started > 0 or strikes.interruptions >= _SPOT_INTERRUPTIONS
    return PricingTier.ON_DEMAND if lost_patience else PricingTier.SPOT
