"""Work that happens by time: loops that survive every error, and the pruning of the messaging tables."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from chassis.database import Database
from chassis.inbox import prune_inbox
from chassis.outbox import prune_outbox
from chassis.wakeup import Wakeup

__all__ = ["Wakeup", "every", "prune_messages"]

_log = structlog.get_logger(__name__)

PRUNE_INTERVAL_S = 3600.0


async def every(
    interval_s: float, function: Callable[[], Awaitable[object]], *, wakeup: Wakeup | None = None,
    max_backoff_s: float = 30.0,
) -> None:
    """Run `function` now and then every `interval_s` seconds, sooner when woken, until cancelled.

    An error is logged and the pause doubles up to `max_backoff_s`; the loop never ends by itself.
    """
    failures = 0
    while True:
        try:
            await function()
            failures, pause = 0, interval_s
        except Exception as error:
            failures += 1
            pause = max(interval_s, min(max_backoff_s, interval_s * 2.0**failures))
            _log.warning("reconcile_failed", function=_name(function), failures=failures, exc_info=error)
        if wakeup is None:
            await asyncio.sleep(pause)
        else:
            await wakeup.wait(pause)


async def prune_messages(database: Database) -> None:
    """Forget published events after 7 days and inbox ids after 30. Run it hourly:
    `every(PRUNE_INTERVAL_S, lambda: prune_messages(database))`."""
    async with database.transaction() as tx:
        published = await prune_outbox(tx)
    async with database.transaction() as tx:
        claimed = await prune_inbox(tx)
    _log.info("messages_pruned", outbox=published, inbox=claimed)


def _name(function: Callable[[], Awaitable[object]]) -> str:
    return getattr(function, "__qualname__", repr(function))
