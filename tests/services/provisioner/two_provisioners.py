"""Two provisioners over one database and one bad provider, each of which can freeze in the middle of a call."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from sqlalchemy import text

from chassis.clock import FakeClock
from services.provisioner.application.workers import deadlines
from services.provisioner.application.workers.context import PodLease
from services.provisioner.application.workers.reaper import Reaper
from services.provisioner.domain.policy import Policy, RetryPolicy, Timeouts
from services.provisioner.ports import Machine, PodRequest
from tests.services.provisioner.world import World

POLICY = Policy(
    RetryPolicy(interruptions=3, faults=3, create_delays_s=(1.0, 2.0, 5.0), fault_delays_s=(1.0,),
                capacity_wait_s=60.0, capacity_retry_s=5.0),
    Timeouts(poll_s=5.0, heartbeat_s=20, first_heartbeat_s=40, provisioning_s=60.0, finish_grace_s=5.0,
             terminate_poll_s=1.0, list_lag_s=6.0, gone_after_s=2.0),
)
# A row that nobody looks at for longer is stuck.
LONGEST_WAIT_S = 60.0
LEASE_S = 15
TABLES = "jobs, pods, checkpoints, outbox, inbox, broker_accounts, broker_users"


class FreezableProvider:
    """Passes calls on. `freeze_at` names the call and the side of it at which this provisioner stops for a while."""

    def __init__(self, provider: Any) -> None:
        self._provider = provider
        self.freeze_at = ""
        self.frozen, self._thawed = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

    async def create(self, request: PodRequest) -> Machine:
        await self._maybe_freeze("before create")
        machine: Machine = await self._provider.create(request)
        await self._maybe_freeze("after create")
        return machine

    async def terminate(self, name: str) -> None:
        await self._maybe_freeze("before terminate")
        await self._provider.terminate(name)
        await self._maybe_freeze("after terminate")

    async def describe(self, name: str) -> Machine | None:
        machine: Machine | None = await self._provider.describe(name)
        await self._maybe_freeze("after describe")
        return machine

    def thaw(self) -> None:
        self.frozen.clear()
        self._thawed.set()

    async def _maybe_freeze(self, where: str) -> None:
        if self.freeze_at == where:
            self.freeze_at = ""
            self._thawed.clear()
            self.frozen.set()
            await self._thawed.wait()


@dataclass
class Provisioner:
    """One process. While it is frozen it does nothing at all; then it goes on as if no time had passed."""

    world: World
    clock: FakeClock
    provider: FreezableProvider = field(init=False)
    _frozen_step: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.provider = FreezableProvider(self.world.context.provider)
        context = replace(self.world.context, provider=self.provider, clock=self.clock, call_timeout_s=3600)
        self.reconciler = self.world.new_reconciler(context=context)
        self.silent = deadlines.SilentPods(context, lambda: True)
        self.reaper, self.context = Reaper(context), context

    @property
    def is_frozen(self) -> bool:
        return self._frozen_step is not None

    async def work(self, count: int = 4) -> int:
        """One step for each due pod, one after another, until nothing is due or it freezes."""
        done = 0
        while not self.is_frozen and done < count:
            leases = await self.reconciler.claim(1)
            if not leases:
                break
            await self._step(leases[0])
            done += 1
        return done

    async def reap(self) -> None:
        if not self.is_frozen:
            await self.reaper.reap()

    async def look_for_silence(self) -> None:
        if not self.is_frozen:
            await self.silent.interrupt()
            await deadlines.end_overdue_jobs(self.context)

    async def thaw(self) -> None:
        self.provider.freeze_at = ""
        if (step := self._frozen_step) is not None:
            self._frozen_step = None
            self.provider.thaw()
            await self._until_done_or_frozen(step)

    async def _step(self, lease: PodLease) -> None:
        await self._until_done_or_frozen(asyncio.create_task(self.reconciler.work(lease)))

    async def _until_done_or_frozen(self, step: asyncio.Task[None]) -> None:
        frozen = asyncio.create_task(self.provider.frozen.wait())
        await asyncio.wait({step, frozen}, return_when=asyncio.FIRST_COMPLETED)
        frozen.cancel()
        if not step.done():
            self._frozen_step = step


async def empty(world: World) -> None:
    async with world.database.transaction() as tx:
        await tx.execute(text(f"TRUNCATE {TABLES} CASCADE"))


async def rows(world: World, table: str) -> list[dict[str, Any]]:
    async with world.database.read() as tx:
        return [dict(row) for row in (await tx.execute(text(f"SELECT * FROM {table}"))).mappings()]


@dataclass
class Truth:
    """What really existed at the provider: every machine that was ever made, with its times."""

    made: dict[str, list[Any]] = field(default_factory=dict)

    def note(self, provider: Any) -> None:
        for name, life in provider.lifetimes.items():
            known = self.made.setdefault(name, [])
            if known and known[-1].began_at == life.began_at:
                known[-1] = life
            else:
                known.append(life)

    def names_of(self, job_id: UUID) -> list[str]:
        return [name for name in self.made if str(job_id) in name]
