"""The bills against the provider's own times, hourly: events can be lost, a machine that runs is paid for."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import Clock
from chassis.database.engine import Database
from chassis.database.leases import Lease
from contracts.rpc.pods import Machine
from services.cost_guard.adapters.repository import intervals, reconciliations
from services.cost_guard.adapters.repository.intervals import MachineKey, OpenBill
from services.cost_guard.application.commands.billing import close_unlisted, correct_bill
from services.cost_guard.application.metrics import CORRECTION_FAILURES, CORRECTIONS
from services.cost_guard.domain.billing import BilledInterval, confirmed
from services.cost_guard.ports import MachineList
from services.cost_guard.settings import Settings

_log = structlog.get_logger(__name__)

# Overlap of two comparisons: no stream keeps an event longer, and no two clocks differ by so much.
_OVERLAP = timedelta(days=14)
# A bill may begin later than its machine did, even later than it ended.
_MARGIN = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Correction = Callable[[AsyncConnection, Any, Settings, datetime], Awaitable[str | None]]


class LeaseLost(Exception):
    """Another replica goes on with it."""


class BillingReconciliation:
    """One replica at a time, once in `reconcile_interval_s` whatever the number of replicas and restarts."""

    def __init__(self, database: Database, machines: MachineList, settings: Settings, clock: Clock) -> None:
        self.machines = machines
        self._database, self._settings, self._clock = database, settings, clock
        self._lease = Lease(database, "billing_reconciliation", duration_s=20.0)

    async def run(self) -> None:
        """Reconcile if it is time. Raises ServiceUnavailable when the provisioner does not answer."""
        if not await self._lease.hold():
            return
        async with self._database.read() as connection:
            due = await reconciliations.is_due(connection, self._settings.reconcile_interval_s)
        if due:
            await self.reconcile()

    async def reconcile(self) -> None:
        """Idempotent. What was open before the list was asked for must stand in the list."""
        asked_at = self._clock.now()
        async with self._database.read() as connection:
            bills = await intervals.open_bills(connection)
            asked_before = await reconciliations.last_asked_at(connection)
        listed: set[MachineKey] = set()
        corrections = 0
        async for page in self.machines.existing_since(_since(asked_before, bills)):
            listed |= {(machine.job_id, machine.attempt) for machine in page}
            corrections += sum([await self._apply(correct_bill, machine) for machine in await self._differing(page)])
        unlisted = [bill for bill in bills if (bill.job_id, bill.attempt) not in listed]
        corrections += sum([await self._apply(close_unlisted, bill) for bill in unlisted])
        async with self._database.transaction() as tx:
            await reconciliations.record(tx, asked_at, len(listed), corrections)

    async def _differing(self, page: Sequence[Machine]) -> list[Machine]:
        async with self._database.read() as connection:
            known = await intervals.of_machines(connection, [(one.job_id, one.attempt) for one in page])
        return [one for one in page if _differs(one, known.get((one.job_id, one.attempt)))]

    async def _apply(self, command: Correction, about: Any) -> bool:
        """In a transaction of its own; one that fails is left for the next hour."""
        if not await self._lease.hold():
            raise LeaseLost
        about_job = {"job_id": str(about.job_id), "attempt": about.attempt}
        try:
            async with self._database.transaction() as tx:
                kind = await command(tx, about, self._settings, self._clock.now())
        except Exception as error:
            CORRECTION_FAILURES.inc()
            _log.error("billing_not_corrected", error=repr(error)[:300], **about_job)
            return False
        if kind is not None:
            CORRECTIONS.labels(kind).inc()
            _log.warning("billing_corrected", kind=kind, **about_job)
        return kind is not None


def _since(asked_before: datetime | None, bills: Sequence[OpenBill]) -> datetime:
    """Far enough back for every open bill and for all since the comparison before; the first asks for everything."""
    if asked_before is None:
        return _EPOCH
    return min([asked_before - _OVERLAP, *(bill.since - _MARGIN for bill in bills)])


def _differs(machine: Machine, known: BilledInterval | None) -> bool:
    times = known.times if known else None
    told = machine.rate_micro_usd_per_hour
    if known is not None and told is not None and told != known.rate_micro_usd_per_hour:
        return True
    return confirmed(times, machine.running_since, machine.terminated_at) != times
