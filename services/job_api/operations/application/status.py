"""The state of the system in words: for members, who need no addresses, and without asking the parts too often."""

import asyncio
from dataclasses import dataclass
from typing import Any, Literal

from chassis.clock import Clock
from chassis.observability.health import Health

_FRESH_S = 3.0
PartState = Literal["ok", "degraded", "failed"]


@dataclass(frozen=True)
class PartStatus:
    name: str
    title: str
    status: PartState
    message: str = ""
    suggested_fix: str = ""


@dataclass(frozen=True)
class Status:
    """`unavailable`: requests cannot be served; `degraded`: they can, and something is wrong."""

    status: Literal["ok", "degraded", "unavailable"]
    parts: tuple[PartStatus, ...]


@dataclass(frozen=True)
class _Words:
    title: str
    wrong: str
    fix: str


_OPERATOR = "Whoever runs the server sees the details on its operations port and in its logs."
_WORDS = {
    "database": _Words("Database", "The database does not answer.", f"Try again in a minute. {_OPERATOR}"),
    "nats": _Words("Message broker", "The message broker is away or messages are not taken: jobs show an old state.",
                   f"Nothing is lost; it catches up by itself. {_OPERATOR}"),
    "consumers": _Words("Message consumers", "The broker's consumers are not set up as they should be.",
                        "Run 'python -m chassis.topology'."),
    "losses": _Words("Messages", "Messages were dropped before they were taken: a job may show an old state.",
                     _OPERATOR),
    "background": _Words("Background work", "Work by time keeps failing.", _OPERATOR),
    "outbox": _Words("Outgoing events", "Events wait to be published: starts and cancellations take effect late.",
                     f"Nothing is lost; they follow when the broker is back. {_OPERATOR}"),
    "s3": _Words("Object storage", "The object storage does not answer: uploads and downloads fail.",
                 f"Try again in a minute. {_OPERATOR}"),
}


class SystemStatus:
    def __init__(self, health: Health, clock: Clock) -> None:
        self._health, self._clock = health, clock
        self._looking = asyncio.Lock()
        self._known: tuple[float, Status] | None = None

    async def read(self) -> Status:
        """At most three seconds old."""
        async with self._looking:
            if self._known is None or self._clock.monotonic() - self._known[0] >= _FRESH_S:
                self._known = self._clock.monotonic(), await self._look()
            return self._known[1]

    async def _look(self) -> Status:
        ready, document = await self._health.ready()
        if waiting_for := document.get("waiting_for"):
            return Status("unavailable", (_part(waiting_for, {"status": "failed"}),))
        parts = tuple(_part(name, check) for name, check in document["checks"].items())
        fine = all(part.status == "ok" for part in parts)
        return Status("unavailable" if not ready else "ok" if fine else "degraded", parts)


def _part(name: str, check: dict[str, Any]) -> PartStatus:
    words = _WORDS.get(name) or _Words(name.capitalize(), "It does not work.", _OPERATOR)
    if check["status"] == "ok":
        return PartStatus(name, words.title, "ok")
    return PartStatus(name, words.title, check["status"], words.wrong, words.fix)
