"""Since when this process could have received a heartbeat: silence counts only from then."""

from datetime import UTC, datetime

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class LivenessWindow:
    """A listener that was itself away (just started, broker or database unreachable, suspended) accuses nobody."""

    def __init__(self, *, longest_gap_s: float = 5.0) -> None:
        self._longest_gap_s = longest_gap_s
        self._since: datetime | None = None
        self._looked_at = float("-inf")

    def since(self, now: datetime, monotonic_s: float, *, connected: bool) -> datetime:
        """To be asked again and again: a pause between two questions is a gap in listening."""
        if self._since is None or not connected or monotonic_s - self._looked_at > self._longest_gap_s:
            self._since = now
        self._looked_at = monotonic_s
        return self._since


def silent_since(window_since: datetime, limit: datetime) -> datetime:
    """Who was last heard before this moment is silent; far away while heartbeats could not have been received."""
    return limit if window_since <= limit else _LONG_AGO
