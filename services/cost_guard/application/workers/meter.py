"""The meter of running machines."""

from uuid import UUID

import structlog

from chassis.clock import Clock
from chassis.database.engine import Database
from chassis.database.leases import Lease
from chassis.observability.logs import bound_contextvars
from services.cost_guard.adapters.repository import jobs
from services.cost_guard.application.budget_alerts import publish_alerts
from services.cost_guard.application.cost_reports import report_cost
from services.cost_guard.application.limits import stop_at_limit
from services.cost_guard.application.metrics import METER_FAILURES
from services.cost_guard.domain.budget import BudgetState, is_used_up
from services.cost_guard.settings import Settings

_log = structlog.get_logger(__name__)


# The longest pause between two looks at whose turn it is. The lease outlasts two of them: another replica meters 15 to
# 20 s after the last sign of life.
_LOOK_S = 5.0


class CostMeter:
    """One replica meters at a time. `run` is called every `look_s`, and meters every `cost_tick_s`."""

    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        self._database, self._settings, self._clock = database, settings, clock
        self.look_s = min(_LOOK_S, settings.cost_tick_s)
        self._lease = Lease(database, "meter", duration_s=3 * self.look_s)
        self._due_at: float | None = None

    async def run(self) -> None:
        """`tick` when it is time, at once where another replica should have. The first time is one tick after the
        start: after an outage the provisioner says first which machines are gone. Until then each would seem to have
        run all the while, and alarms about its cost cannot be taken back."""
        now, tick_s = self._clock.monotonic(), self._settings.cost_tick_s
        if self._due_at is None:
            self._due_at = now + tick_s
        if await self._lease.hold() and now >= self._due_at:
            self._due_at = now + tick_s
            await self.tick()

    async def tick(self) -> None:
        """Report every job that costs money now, then look at the budgets: one short transaction each.

        What fails is left for the next tick. Raises the last error when nothing succeeded.
        """
        if not await self._lease.hold():
            return
        async with self._database.read() as connection:
            due = await jobs.metered(connection)
        errors = [await self._report(job_id, workspace_id) for job_id, workspace_id in due]
        for workspace_id in sorted({workspace for _, workspace in due}):
            its = [job_id for job_id, owner in due if owner == workspace_id]
            errors.append(await self._look_at_budget(workspace_id, its))
        if errors and all(errors):
            raise next(error for error in reversed(errors) if error)

    async def _report(self, job_id: UUID, workspace_id: UUID) -> Exception | None:
        try:
            if await self._lease.hold():
                with bound_contextvars(job_id=str(job_id)):
                    async with self._database.transaction() as tx:
                        await report_cost(tx, job_id, workspace_id, self._settings, self._clock.now())
        except Exception as error:
            return _failed(error, job_id=str(job_id))
        return None

    async def _look_at_budget(self, workspace_id: UUID, job_ids: list[UUID]) -> Exception | None:
        try:
            if await self._lease.hold():
                async with self._database.transaction() as tx:
                    state = await publish_alerts(tx, workspace_id, self._settings, self._clock.now())
                await self._stop_at_limit(state, workspace_id, job_ids)
        except Exception as error:
            return _failed(error, workspace_id=str(workspace_id))
        return None

    async def _stop_at_limit(self, state: BudgetState, workspace_id: UUID, job_ids: list[UUID]) -> None:
        for job_id in job_ids if is_used_up(state) else ():
            async with self._database.transaction() as tx:
                await stop_at_limit(tx, job_id, workspace_id, state, self._clock.now())


def _failed(error: Exception, **about: str) -> Exception:
    METER_FAILURES.inc()
    _log.error("not_metered", error=repr(error)[:300], **about)
    return error
