"""What the page Operations reckons from the API's view of the installation: what is wrong comes first."""

from collections.abc import Iterable
from typing import Any

# The word of a state, which stands before its colour.
WORDS = {
    "failed": "Failed", "unexpected": "Should not be", "unknown": "Unknown", "starting": "Starting",
    "draining": "Stopping", "degraded": "Degraded", "ok": "OK", "expected": "Expected",
}
TONES = {"failed": "red", "unexpected": "red", "unknown": "orange", "degraded": "yellow", "ok": "green",
         "expected": "green"}
_ORDER = tuple(WORDS)
# Of a message so much is shown; the rest is in its download.
SHOWN = 64 * 1024


def arranged(found: dict[str, Any]) -> dict[str, Any]:
    """Services, consumers and machines, each list with the worst first."""
    services = found["services"]
    consumers = [consumer | {"service": service["name"]} for service in services for consumer in service["consumers"]]
    return found | {
        "services": _worst_first(services, lambda one: _worst(_states(one))),
        "consumers": _worst_first(consumers, lambda one: one["state"]),
        "machines": found["machines"] | _machines(found["machines"]["data"]),
        "healthy": sum(one["state"] == "ok" for one in services),
        "taking": sum(one["state"] == "ok" for one in consumers)}


def _machines(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """With what they cost together, as far as their providers tell prices."""
    return {
        "data": _worst_first(rows, lambda one: one["state"]),
        "rate_micro_usd_per_hour": sum(one["rate_micro_usd_per_hour"] or 0 for one in rows),
        "cost_micro_usd": sum(one["cost_micro_usd"] or 0 for one in rows),
        "without_price": sum(one["rate_micro_usd_per_hour"] is None for one in rows)}


def _states(service: dict[str, Any]) -> list[str]:
    outbox = [service["outbox"]["state"]] if service["outbox"] else []
    return [service["state"], *outbox]


def _worst(states: Iterable[str]) -> str:
    return min(states, key=_rank)


def _rank(state: str) -> int:
    """A state that a later API has is looked at first."""
    return _ORDER.index(state) if state in _ORDER else -1


def _worst_first(rows: list[dict[str, Any]], state: Any) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: _rank(state(row)))
