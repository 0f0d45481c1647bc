"""A use case with something happening at each of its steps: another caller, a worker, or the end of its process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from chassis.clock import SystemClock
from chassis.database.engine import Database
from contracts.gpus import GpuType
from services.job_api.jobs.application.commands import Defaults, JobContext
from tests.services.job_api.cost_guard import CostGuard


class Crash(BaseException):
    """As a killed process: no handler sees it, what is not committed is gone."""


@dataclass
class Steps:
    """Counts the steps; at the one with number `at` it does `do`. `within`: also between a transaction's last
    statement and its commit, where it holds its locks."""

    at: int = -1
    do: Callable[[], Awaitable[Any]] | None = None
    within: bool = False
    passed: int = 0

    async def step(self, *, within: bool = False) -> None:
        if within and not self.within:
            return
        number, self.passed = self.passed, self.passed + 1
        if number == self.at and self.do is not None:
            await self.do()


class SteppedDatabase:
    def __init__(self, database: Database, steps: Steps) -> None:
        self.database, self.steps = database, steps

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        await self.steps.step()
        async with self.database.transaction() as tx:
            yield tx
            await self.steps.step(within=True)
        await self.steps.step()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Any]:
        await self.steps.step()
        async with self.database.read() as tx:
            yield tx
        await self.steps.step()


class SteppedCostGuard:
    def __init__(self, cost_guard: CostGuard, steps: Steps) -> None:
        self.cost_guard, self.steps = cost_guard, steps

    async def request(self, rpc: Any, request: Any, timeout_s: float = 2.0) -> Any:
        await self.steps.step()
        reply = await self.cost_guard.request(rpc, request, timeout_s)
        await self.steps.step()
        return reply


def context_of(database: Database, cost_guard: CostGuard, steps: Steps | None = None) -> JobContext:
    """What the commands on jobs work with; with `steps`, each of theirs is counted."""
    plain = JobContext(database, cost_guard, cost_guard, SystemClock(), Defaults(GpuType.LOCAL, "base"))
    if steps is None:
        return plain
    stepped: Any = SteppedDatabase(database, steps)
    return replace(plain, database=stepped, rpc=SteppedCostGuard(cost_guard, steps))


async def crash() -> None:
    raise Crash
