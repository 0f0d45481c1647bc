"""Events in."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import Clock
from contracts.envelope import Event, JobEventData
from contracts.events import (
    JobCancelled,
    JobCompleted,
    JobDeleted,
    JobFailed,
    JobStartRequested,
    PodFailed,
    PodInterrupted,
    PodRequested,
    PodRunning,
    PodTerminated,
)
from contracts.gpus import GpuType, PricingTier
from services.cost_guard import ledger
from services.cost_guard.costs import report_cost
from services.cost_guard.domain.estimate import rate_of
from services.cost_guard.rates import rates_at
from services.cost_guard.settings import Settings


class Handlers:
    """Job and pod events; every effect lies in the transaction that is handed in."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock

    def job_handlers(self) -> dict[Any, Any]:
        return {
            JobStartRequested: self.on_job_known,
            JobDeleted: self.on_job_deleted,
            JobCompleted: self.on_job_ended,
            JobFailed: self.on_job_ended,
            JobCancelled: self.on_job_ended,
        }

    def pod_handlers(self) -> dict[Any, Any]:
        return {
            PodRunning: self.on_pod_running,
            PodTerminated: self.on_pod_terminated,
            PodRequested: self.on_pod_known,
            PodInterrupted: self.on_pod_known,
            PodFailed: self.on_pod_known,
        }

    async def on_job_known(self, event: Event[JobEventData], tx: AsyncConnection) -> None:
        await ledger.add_job(tx, event.data.job_id, event.data.workspace_id)

    async def on_job_deleted(self, event: Event[JobDeleted], tx: AsyncConnection) -> None:
        # Never started: nothing was billed. Its reservation, if one was left behind, goes.
        await ledger.change_job(tx, event.data.job_id, reserved_micro_usd=0, reservation_id=None)

    async def on_job_ended(self, event: Event[Any], tx: AsyncConnection) -> None:
        await ledger.add_job(tx, event.data.job_id, event.data.workspace_id)
        await ledger.change_job(tx, event.data.job_id, ended_at=event.time, outcome=event.data.event)
        await report_cost(tx, event.data.job_id, self._settings, self._clock.now())

    async def on_pod_known(self, event: Event[JobEventData], tx: AsyncConnection) -> None:
        # An interrupted machine is billed until its end is confirmed: only `pod.terminated` stops the meter.
        await ledger.add_job(tx, event.data.job_id, event.data.workspace_id)

    async def on_pod_running(self, event: Event[PodRunning], tx: AsyncConnection) -> None:
        await self._bill(tx, event.data, event.data.running_since, None)

    async def on_pod_terminated(self, event: Event[PodTerminated], tx: AsyncConnection) -> None:
        if event.data.running_since is None:
            await ledger.add_job(tx, event.data.job_id, event.data.workspace_id)
            await report_cost(tx, event.data.job_id, self._settings, self._clock.now())
            return
        await self._bill(tx, event.data, event.data.running_since, event.data.terminated_at)

    async def _bill(
        self, tx: AsyncConnection, data: PodRunning | PodTerminated, since: datetime, until: datetime | None
    ) -> None:
        await ledger.add_job(tx, data.job_id, data.workspace_id)
        await ledger.open_interval(
            tx,
            {
                "job_id": data.job_id,
                "attempt": data.attempt,
                "workspace_id": data.workspace_id,
                "gpu_type": data.gpu_type.value,
                "pricing_tier": data.pricing_tier.value,
                "running_since": since,
                "terminated_at": until,
                "rate_micro_usd_per_hour": await self._rate(tx, data.gpu_type, data.pricing_tier, since),
            },
        )
        await report_cost(tx, data.job_id, self._settings, self._clock.now())

    async def _rate(self, tx: AsyncConnection, gpu_type: GpuType, tier: PricingTier, at: datetime) -> int:
        rates = {pair: rate.micro_usd_per_hour for pair, rate in (await rates_at(tx, at)).items()}
        return rate_of(rates, gpu_type, tier)
