"""The hourly pruning of the messaging tables."""

import structlog

from chassis.database.engine import Database
from chassis.messaging.attempts import prune_attempts
from chassis.messaging.inbox import prune_inbox
from chassis.messaging.outbox import prune_outbox

_log = structlog.get_logger(__name__)

PRUNE_INTERVAL_S = 3600.0


async def prune_messages(database: Database, *, with_outbox: bool = True) -> None:
    """Forget events published 7 days ago, inbox ids after 30 and attempts after 15."""
    published = 0
    if with_outbox:
        async with database.transaction() as tx:
            published = await prune_outbox(tx)
    async with database.transaction() as tx:
        claimed = await prune_inbox(tx)
    async with database.transaction() as tx:
        attempts = await prune_attempts(tx)
    _log.info("messages_pruned", outbox=published, inbox=claimed, attempts=attempts)
