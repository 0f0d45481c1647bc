"""The hourly pruning of the messaging tables."""

from datetime import timedelta

import structlog

from chassis.database.engine import Database
from chassis.messaging.attempts import prune_attempts
from chassis.messaging.inbox import prune_inbox
from chassis.messaging.outbox import prune_outbox

_log = structlog.get_logger(__name__)

PRUNE_INTERVAL_S = 3600.0


async def prune_messages(
    database: Database, *, with_outbox: bool = True, outbox_days: int = 7, inbox_days: int = 30
) -> None:
    """Forget events published so many days ago, ids of those taken so many days ago, and attempts after 15."""
    published = 0
    if with_outbox:
        async with database.transaction() as tx:
            published = await prune_outbox(tx, older_than=timedelta(days=outbox_days))
    async with database.transaction() as tx:
        claimed = await prune_inbox(tx, older_than=timedelta(days=inbox_days))
    async with database.transaction() as tx:
        attempts = await prune_attempts(tx)
    _log.info("messages_pruned", outbox=published, inbox=claimed, attempts=attempts)
