"""What one try of a delivery comes to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from services.notifier.domain.retries import retry_after


class Status(StrEnum):
    """pending -> sending -> sent, or pending again, failed (given up), unknown (it may have arrived), skipped (there
    was nobody to send it to)."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Result:
    """`failures` of all tries so far; `again_in` only while it is pending."""

    status: Status
    failures: int
    error: str | None = None
    again_in: timedelta | None = None


def failed(
    failures: int, error: str, *, permanent: bool, asked_s: float | None, delays_s: Sequence[float]
) -> Result:
    """The receiver surely did not take it: tried again, unless that is useless or was done often enough."""
    pause = None if permanent else retry_after(failures, delays_s, asked_s)
    return Result(Status.FAILED if pause is None else Status.PENDING, failures, error, pause)
