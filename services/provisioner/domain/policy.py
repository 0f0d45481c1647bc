"""The patience of the provisioner, in one place. Seconds and counts.

Defaults fit machines of a cloud; the local provider's are shorter (settings).
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class RetryPolicy:
    """How often and after which pauses something is tried again before a job is given up."""

    # Interruptions of one job without a newer checkpoint in between.
    interruptions: int = 10
    # Crashes and retryable failures without progress.
    faults: int = 3
    # Machines that were created but never came up.
    not_started: int = 3
    # Refused creates of one attempt.
    create_delays_s: tuple[float, ...] = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0)
    # Before an attempt after a crash; an interruption is replaced at once.
    fault_delays_s: tuple[float, ...] = (1.0, 5.0, 15.0)
    # How long to wait for capacity before the job fails.
    capacity_wait_s: float = 1800.0
    capacity_retry_s: float = 15.0
    # `auto` asks for spot until it was not to be had this often, or for so long.
    spot_offers: int = 2
    spot_wait_s: float = 600.0


@dataclass(frozen=True)
class Timeouts:
    """How long to wait for whom."""

    # From the create call until the machine runs. Pulling a 10 GB image takes minutes.
    provisioning_s: float = 1200.0
    # A pod that runs says so this often at least; the first word may take longer (imports, driver).
    heartbeat_s: float = 60.0
    first_heartbeat_s: float = 180.0
    # After its last word a trainer may end by itself before it is stopped.
    finish_grace_s: float = 10.0
    # A pod that is not wanted any more learns so at its next heartbeat and ends without a word; only then SIGTERM,
    # which it would have to take for an interruption.
    stop_grace_s: float = 0.0
    # A pod that was asked to save a checkpoint and end is stopped after this time; the newest checkpoint counts.
    pause_grace_s: float = 120.0
    # A pod ended without a word: how long to look for its result in the object store.
    result_grace_s: float = 3.0
    result_unreachable_s: float = 10.0
    # How often the provider is asked about a pod when nothing happens.
    poll_s: float = 15.0
    terminate_poll_s: float = 2.0
    # For so long after a create the provider's list may not show the machine, or show it after its end.
    list_lag_s: float = 60.0
    # A machine is gone when the provider says so again after this time.
    gone_after_s: float = 10.0


@dataclass(frozen=True)
class Policy:
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    timeouts: Timeouts = field(default_factory=Timeouts)


def delay(delays_s: tuple[float, ...], times: int) -> float:
    """The delay after the `times`-th failure (from 1); the last one repeats."""
    return delays_s[min(times, len(delays_s)) - 1]
