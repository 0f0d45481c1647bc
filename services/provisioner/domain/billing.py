"""From when to when a machine is paid for."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class BilledInterval:
    """`since` None: there was no machine."""

    since: datetime | None
    until: datetime


def billed_interval(*began: datetime | None, ended_at: datetime | None, now: datetime) -> BilledInterval:
    """`began`: what is known about the beginning, the most certain first. Without an end it is billed until now."""
    since = next((moment for moment in began if moment is not None), None)
    until = ended_at or now
    return BilledInterval(since, until if since is None else max(since, until))
