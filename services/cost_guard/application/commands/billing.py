"""A machine is billed from the moment it runs until the provider confirms that it is gone."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.envelope import Event
from contracts.events import PodRunning, PodTerminated
from contracts.gpus import GpuType, PricingTier
from services.cost_guard.adapters.repository import intervals, jobs, rates
from services.cost_guard.application.budget_alerts import publish_alerts
from services.cost_guard.application.cost_reports import report_cost
from services.cost_guard.domain.estimate import rate_of
from services.cost_guard.settings import Settings


async def machine_runs(tx: AsyncConnection, event: Event[PodRunning], settings: Settings, now: datetime) -> None:
    data = event.data
    await jobs.mark_started(tx, data.job_id, data.workspace_id, event.time)
    await _bill(tx, data, data.running_since, None)
    await report_cost(tx, data.job_id, data.workspace_id, settings, now)
    await publish_alerts(tx, data.workspace_id, settings, now)


async def machine_ended(tx: AsyncConnection, event: Event[PodTerminated], settings: Settings, now: datetime) -> None:
    data = event.data
    await jobs.mark_started(tx, data.job_id, data.workspace_id, event.time)
    if data.running_since is not None:
        await _bill(tx, data, data.running_since, data.terminated_at)
    await report_cost(tx, data.job_id, data.workspace_id, settings, now)
    await publish_alerts(tx, data.workspace_id, settings, now)


async def _bill(
    tx: AsyncConnection, data: PodRunning | PodTerminated, since: datetime, until: datetime | None
) -> None:
    row = {
        "job_id": data.job_id,
        "attempt": data.attempt,
        "workspace_id": data.workspace_id,
        "gpu_type": data.gpu_type.value,
        "pricing_tier": data.pricing_tier.value,
        "running_since": since,
        "terminated_at": until,
        "rate_micro_usd_per_hour": await _rate(tx, data.gpu_type, data.pricing_tier, since),
    }
    await intervals.save(tx, row)


async def _rate(tx: AsyncConnection, gpu_type: GpuType, tier: PricingTier, at: datetime) -> int:
    """Raises RateUnknown."""
    table = {pair: rate.micro_usd_per_hour for pair, rate in (await rates.valid_at(tx, at)).items()}
    return rate_of(table, gpu_type, tier)
