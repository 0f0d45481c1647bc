"""One cost_guard on one database for many runs of the state machine, on an event loop of its own."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from faststream import BaseMiddleware

from chassis.clock import FakeClock
from chassis.database.engine import Database
from contracts.envelope import Event
from contracts.rpc.costs import BudgetView
from contracts.rpc.pods import Machine
from services.cost_guard.adapters.repository import budgets
from services.cost_guard.application.pricing import budget_view
from services.cost_guard.application.workers.meter import CostMeter
from services.cost_guard.application.workers.reconciliation import BillingReconciliation
from services.cost_guard.settings import Settings
from tests.services.cost_guard.examples import NOON
from tests.services.cost_guard.in_process import GuardInProcess, guard_in_process

T = TypeVar("T")

_EMPTY = "; ".join(
    f"DELETE FROM {table}"
    for table in ("jobs", "billing_intervals", "budgets", "alerts", "outbox", "inbox", "leases",
                  "billing_reconciliations", "gpu_rates WHERE changed_by <> 'initial rates'")
)


class Crashed(Exception):
    """The process died after the handler, before the commit."""


class CrashBeforeCommit(BaseMiddleware):
    """Inside the inbox's transaction; on while the context says so."""

    async def consume_scope(self, call_next: Any, msg: Any) -> Any:
        result = await call_next(msg)
        if self.context.get("crash"):
            raise Crashed
        return result


class FixedList:
    """A provisioner's answer, one machine a page."""

    def __init__(self, machines: Sequence[Machine], answered: bool) -> None:
        self._machines, self._answered = machines, answered

    async def existing_since(self, moment: datetime):  # type: ignore[no-untyped-def]
        for machine in self._machines:
            if self._answered or machine.terminated_at is None or machine.terminated_at >= moment:
                yield (machine,)


class World:
    """`run(coroutine)` on its loop. `settings` publish nothing but changes of facts: no event is due by time alone."""

    guard: GuardInProcess

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self.settings = Settings(cost_publish_s=10**9)
        self.database = Database(url, pool_timeout_s=60)  # more at once than connections, on a busy machine
        self.run(self._open())

    def run(self, step: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(step)

    def close(self) -> None:
        self.run(self._stack.aclose())
        self.run(self.database.dispose())
        self._runner.close()

    async def reset(self) -> FakeClock:
        """An empty database at noon; the initial rates stay."""
        async with self.database.transaction() as tx:
            for statement in _EMPTY.split("; "):
                await tx.exec_driver_sql(statement)
        self.guard.clock = FakeClock(NOON)
        self.guard.give("clock", self.guard.clock)
        self.meter = CostMeter(self.database, self.settings, self.guard.clock)
        return self.guard.clock

    async def states(self, workspaces: Sequence[UUID], now: datetime) -> list[BudgetView]:
        limit = self.settings.default_budget_micro_usd
        async with self.database.read() as connection:
            return [
                budget_view(await budgets.state(connection, workspace_id, now, default_limit=limit))
                for workspace_id in workspaces
            ]

    async def deliver(self, event: Event[Any]) -> None:
        await self.guard.deliver(event)

    async def crash(self, event: Event[Any]) -> None:
        """The handler's work is done and lost."""
        self.guard.give("crash", True)
        try:
            await self.guard.deliver(event)
        except Crashed:
            pass
        finally:
            self.guard.give("crash", False)

    async def reconcile(self, machines: Sequence[Machine], answered: bool = False) -> None:
        """`answered`: this is the answer itself, otherwise all there is, of which the answer is a part."""
        async with self.database.transaction() as tx:  # the worker of the run before gave its lease back
            await tx.exec_driver_sql("DELETE FROM leases WHERE name = 'billing_reconciliation'")
        await BillingReconciliation(
            self.database, FixedList(machines, answered), self.settings, self.guard.clock
        ).reconcile()

    async def _open(self) -> None:
        self.guard = await self._stack.enter_async_context(
            guard_in_process(self.database, self.settings, FakeClock(NOON), CrashBeforeCommit)
        )
        self.guard.give("crash", False)
