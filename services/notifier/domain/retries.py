"""When a delivery that failed is tried again."""

from collections.abc import Sequence
from datetime import timedelta


def retry_after(failures: int, delays_s: Sequence[float], asked_s: float | None = None) -> timedelta | None:
    """The pause after so many failures, this one included; None: given up.

    A receiver that asks for a pause (`Retry-After`) gets at least that.
    """
    if failures > len(delays_s):
        return None
    return timedelta(seconds=max(delays_s[failures - 1], asked_s or 0.0))
