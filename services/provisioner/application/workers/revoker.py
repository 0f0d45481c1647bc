"""Shuts out the users of ended attempts: a zombie that comes back finds the door closed.

The database says who is revoked; the broker is told the whole list of an account whenever it does not have exactly
that. One replica does this at a time; one that lost the duty and still speaks is set right at the next look.
"""

from datetime import timedelta

import structlog

from chassis.database.leases import Lease
from services.provisioner.adapters.repository import broker
from services.provisioner.application.workers.context import WorkerContext
from services.provisioner.ports import BrokerAccess, BrokerAccount

_log = structlog.get_logger(__name__)

# An interrupted pod may still say so and save what fits: RunPod gives 5 s.
_LAST_WORDS = timedelta(seconds=10)
# The broker's clock decides whether a user has expired.
_FORGET_AFTER = timedelta(days=1)
_COMPARE_EVERY_S = 30.0


class Revoker:
    def __init__(self, context: WorkerContext, access: BrokerAccess, lease: Lease) -> None:
        self._context, self._access, self._lease = context, access, lease
        self._told: dict[str, BrokerAccount] = {}
        self._compared_at = float("-inf")

    async def revoke(self) -> None:
        if not await self._lease.hold():
            self._told.clear()
            return
        if ended := await self._revoke_in_database():
            _log.info("pod_users_revoked", pods=sorted(ended))
        self._forget_what_was_told_long_ago()
        await self._tell_broker()

    async def _tell_broker(self) -> None:
        async with self._context.database.read() as tx:
            accounts = await broker.accounts_in_use(tx)
        changed = [account for account in accounts if self._told.get(account.key) != account]
        if changed:
            await self._access.publish(changed)
            self._told |= {account.key: account for account in changed}

    async def _revoke_in_database(self) -> set[str]:
        async with self._context.database.transaction() as tx:
            now = await self._context.database_clock.now(tx)
            await broker.forget_expired(tx, now - _FORGET_AFTER)
            return await broker.revoke_users_of_ended(tx, now, last_words=_LAST_WORDS)

    def _forget_what_was_told_long_ago(self) -> None:
        """Somebody else may have told the broker otherwise, or its store was lost."""
        now = self._context.clock.monotonic()
        if now - self._compared_at >= _COMPARE_EVERY_S:
            self._compared_at = now
            self._told.clear()
