"""Whether a machine that the provider does not show is gone."""

from datetime import datetime, timedelta
from enum import Enum

from services.provisioner.domain.model import Pod
from services.provisioner.domain.policy import Timeouts


class Absence(Enum):
    FRESH = "fresh"  # asked for a moment ago: the provider's list may not know of it yet
    NOTED = "noted"  # missing, and to be confirmed by a second look some time later
    GONE = "gone"


def judge_absence(pod: Pod, now: datetime, timeouts: Timeouts) -> Absence:
    """The provider has just said that there is no such machine. One that was never asked for is gone at once."""
    if pod.create_asked_at is None:
        return Absence.GONE
    if now < pod.create_asked_at + timedelta(seconds=timeouts.list_lag_s):
        return Absence.FRESH
    if pod.missing_since is None or now < pod.missing_since + timedelta(seconds=timeouts.gone_after_s):
        return Absence.NOTED
    return Absence.GONE


def look_again_s(pod: Pod, now: datetime, timeouts: Timeouts) -> float:
    """After which pause a look can tell more about an absence."""
    if pod.create_asked_at is not None:
        fresh_s = timeouts.list_lag_s - (now - pod.create_asked_at).total_seconds()
        if fresh_s > 0:
            return min(fresh_s, timeouts.poll_s)
    return timeouts.gone_after_s
