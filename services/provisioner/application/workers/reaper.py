"""The provider's list against the database: a pod without a job is money burning."""

import asyncio
from datetime import timedelta

import structlog

from services.provisioner.adapters.repository import leases, pods
from services.provisioner.application.commands.orphans import Orphan, adopt_orphan
from services.provisioner.application.workers.context import WorkerContext
from services.provisioner.application.workers.unknown_machines import UnknownMachines
from services.provisioner.domain.model import PodStatus
from services.provisioner.ports import Machine

_log = structlog.get_logger(__name__)


class Reaper:
    def __init__(self, context: WorkerContext) -> None:
        self._context = context
        self._unknown = UnknownMachines(context.metrics, context.provider.name)
        context.metrics.count_leaked(context.provider.name, 0)  # the series exists: a first leak is a step

    async def reap(self) -> None:
        """Terminate what should not exist, look at once at what should exist and is not listed."""
        async with asyncio.timeout(self._context.call_timeout_s):
            machines = {machine.name: machine for machine in await self._context.provider.list()}
        async with self._context.database.read() as tx:
            known = await pods.statuses(tx, machines)
        for name in sorted(machines):
            if known.get(name, PodStatus.TERMINATED) is PodStatus.TERMINATED:
                await self._reap(machines[name])
        self._unknown.forget_all_but({machine.provider_pod_id for machine in machines.values()})
        self._count_second_machines()
        await self._look_at_missing(set(machines))

    def _count_second_machines(self) -> None:
        for micro_usd in self._context.provider.take_losses():
            self._context.metrics.leaked.inc()
            self._context.metrics.count_leaked(self._context.provider.name, micro_usd)

    async def _reap(self, machine: Machine) -> None:
        """One that is adopted ends and is billed by the reconciler, whatever becomes of the call made here."""
        async with self._context.database.transaction() as tx:
            now = await self._context.database_clock.now(tx)
            orphan = await adopt_orphan(tx, machine, provider=self._context.provider.name, now=now,
                                        list_lag_s=self._context.policy.timeouts.list_lag_s)
        if orphan is Orphan.NONE:
            return
        _log.warning("leaked_pod_terminated", pod=machine.name, orphan=orphan.value)
        if orphan is Orphan.ADOPTED:
            self._context.metrics.leaked.inc()  # its dollars are counted with its bill
        else:
            self._unknown.meet(machine, now)
        try:
            async with asyncio.timeout(self._context.call_timeout_s):
                await self._context.provider.terminate(machine.name)
            self._unknown.told_to_end(machine)
        except Exception as error:  # the next look tries again; the others do not wait for it
            self._context.metrics.provider_errors.labels("terminate").inc()
            _log.warning("leaked_pod_not_terminated", pod=machine.name, error=repr(error)[:300])

    async def _look_at_missing(self, listed: set[str]) -> None:
        lag = timedelta(seconds=self._context.policy.timeouts.list_lag_s)
        async with self._context.database.transaction() as tx:
            now = await self._context.database_clock.now(tx)
            if missing := await pods.up_before(tx, now - lag) - listed:
                await leases.make_due(tx, now, missing)
