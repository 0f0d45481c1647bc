"""How often a job's attempts ended early since it last made progress."""

from dataclasses import dataclass, replace
from enum import StrEnum


class Cause(StrEnum):
    """Why an attempt ended without a result that ends the job."""

    INTERRUPTED = "interrupted"  # the machine was taken away, killed or fell silent
    CRASHED = "crashed"  # the trainer ended by itself and left no result
    FAILED = "failed"  # the trainer failed with an error that a repetition may cure
    NOT_STARTED = "not_started"  # the machine never came up


@dataclass(frozen=True)
class RetryCounters:
    """Counted since the checkpoint at `at_step`; a newer checkpoint forgives all of them.

    A pre-emption must not spend the patience meant for faults, hence one count for each cause.
    """

    interruptions: int = 0
    faults: int = 0
    not_started: int = 0
    at_step: int = -1


def count(counters: RetryCounters, cause: Cause, best_step: int | None) -> RetryCounters:
    """The counters after one more attempt ended; `best_step` is the newest saved checkpoint's."""
    step = -1 if best_step is None else best_step
    current = counters if step <= counters.at_step else RetryCounters(at_step=step)
    if cause is Cause.INTERRUPTED:
        return replace(current, interruptions=current.interruptions + 1)
    if cause is Cause.NOT_STARTED:
        return replace(current, not_started=current.not_started + 1)
    return replace(current, faults=current.faults + 1)
