"""Machines in memory, with faults to order: a provider as bad as the worst one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from contracts.gpus import GpuType, PricingTier
from contracts.rpc.pods import Price
from services.provisioner.domain.prices import UNPRICED
from services.provisioner.ports import Capacity, Lifetime, Machine, MachineState, NoCapacity, PodRequest


@dataclass
class Faults:
    """`before_create` and the others are raised once each, in order, before the call has any effect;
    `after_create` after it: the machine exists and the caller does not learn of it."""

    before_create: list[Exception] = field(default_factory=list)
    after_create: list[BaseException] = field(default_factory=list)
    describe: list[Exception] = field(default_factory=list)
    terminate: list[Exception] = field(default_factory=list)
    # Termination is accepted and nothing happens.
    ignore_terminate: bool = False


class FakeProvider:
    name = "local"

    def __init__(self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.machines: dict[str, Machine] = {}
        self.requests: list[PodRequest] = []
        self.logs: dict[str, bytes] = {}
        self.ended: set[str] = set()
        self.faults = Faults()
        # When each machine began and stopped to cost money; a forgetful provider does not tell.
        self.lifetimes: dict[str, Lifetime] = {}
        self.forgetful = False
        self.starting = False
        self.full = False
        # So many machines at a time, made at different speeds; None: any number.
        self.places: int | None = None
        # What its machines are and cost, and its price list.
        self.price = UNPRICED
        self.price_list: list[Price] = []
        self.losses: list[int] = []
        # How far the provider's clock is ahead of ours.
        self.clock_ahead_s = 0.0
        self._clock, self._changed = now, asyncio.Queue[str]()

    def _now(self) -> datetime:
        return self._clock() + timedelta(seconds=self.clock_ahead_s)

    async def create(self, request: PodRequest) -> Machine:
        _raise_next(self.faults.before_create)
        await self._take_place(request.name)
        if request.name not in self.machines:
            if request.name in self.ended:
                return Machine(request.name, request.name, MachineState.EXITED, exit_code=0)
            self.requests.append(request)
            state = MachineState.STARTING if self.starting else MachineState.RUNNING
            now = self._now()
            since = None if self.starting else now
            self.lifetimes[request.name] = Lifetime(now, price=self.price)
            self._set(Machine(request.name, f"id-{request.name}", state, now, since, price=self.price))
        _raise_next(self.faults.after_create)
        return self.machines[request.name]

    async def _take_place(self, name: str) -> None:
        if self.places is None or name in self.machines:
            return
        await asyncio.sleep(hash(name) % 5 / 1000)
        if sum(machine.state is not MachineState.EXITED for machine in self.machines.values()) >= self.places:
            raise NoCapacity(f"all {self.places} places are taken")

    async def describe(self, name: str) -> Machine | None:
        _raise_next(self.faults.describe)
        return self.machines.get(name)

    async def terminate(self, name: str) -> None:
        _raise_next(self.faults.terminate)
        if not self.faults.ignore_terminate and name in self.machines:
            self.vanishes(name)

    async def lifetime(self, name: str) -> Lifetime | None:
        return None if self.forgetful else self.lifetimes.get(name)

    async def list(self) -> list[Machine]:
        return [*self.machines.values()]

    async def capacity(self, gpu_type: GpuType, pricing_tier: PricingTier) -> Capacity:
        return Capacity(not self.full, "full" if self.full else "")

    async def prices(self, gpu_type: GpuType) -> Sequence[Price]:
        return self.price_list

    def take_losses(self) -> Sequence[int]:
        taken, self.losses = self.losses, []
        return taken

    async def read_log(self, name: str, offset: int, max_bytes: int) -> tuple[bytes, bool]:
        log = self.logs.get(name, b"")
        return log[offset:offset + max_bytes], name not in self.machines

    async def changes(self) -> AsyncIterator[str]:
        while True:
            yield await self._changed.get()

    def exits(self, name: str, exit_code: int | None) -> None:
        """The container ends by itself; the machine stays in the list."""
        self._set(replace(self.machines[name], state=MachineState.EXITED, exit_code=exit_code, exited_at=self._now()))

    def comes_up(self, name: str) -> None:
        self._set(replace(self.machines[name], state=MachineState.RUNNING, running_since=self._now()))

    def vanishes(self, name: str) -> None:
        del self.machines[name]
        self.ended.add(name)
        self.lifetimes[name] = replace(self.lifetimes[name], ended_at=self._now())
        self._changed.put_nowait(name)

    def _set(self, machine: Machine) -> None:
        self.machines[machine.name] = machine
        self._changed.put_nowait(machine.name)


def _raise_next(faults: list[Exception] | list[BaseException]) -> None:
    if faults:
        raise faults.pop(0)
