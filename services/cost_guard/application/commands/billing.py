"""A machine is billed from the moment it runs until the provider confirms that it is gone."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.envelope import Event
from contracts.events import PodRunning, PodTerminated
from contracts.gpus import PricingTier
from contracts.rpc.pods import Machine
from services.cost_guard.adapters.repository import intervals, jobs, rates
from services.cost_guard.adapters.repository.intervals import AnyMachine, OpenBill
from services.cost_guard.application.budget_alerts import publish_alerts
from services.cost_guard.application.cost_reports import report_cost
from services.cost_guard.domain.billing import BilledInterval, RunTimes, began, bill, confirmed, correction_kind
from services.cost_guard.domain.estimate import RateUnknown
from services.cost_guard.settings import Settings

_log = structlog.get_logger(__name__)

Heard = Callable[[RunTimes | None], RunTimes | None]


async def machine_runs(tx: AsyncConnection, event: Event[PodRunning], settings: Settings, now: datetime) -> None:
    """Raises RateUnknown."""
    data = event.data
    await jobs.mark_started(tx, data.job_id, data.workspace_id, event.time)
    await _bill(tx, data, partial(began, since=data.running_since))
    await _publish(tx, data, settings, now)


async def machine_ended(tx: AsyncConnection, event: Event[PodTerminated], settings: Settings, now: datetime) -> None:
    """Raises RateUnknown."""
    data = event.data
    await jobs.mark_started(tx, data.job_id, data.workspace_id, event.time)
    await _bill(tx, data, partial(confirmed, since=data.running_since, until=data.terminated_at))
    await _publish(tx, data, settings, now)


async def correct_bill(tx: AsyncConnection, machine: Machine, settings: Settings, now: datetime) -> str | None:
    """Bring the bill to what the provider lists; the kind of correction, None when it agrees. Raises RateUnknown."""
    times = partial(confirmed, since=machine.running_since, until=machine.terminated_at)
    await jobs.mark_started(tx, machine.job_id, machine.workspace_id, machine.running_since or now)
    kind = await _bill(tx, machine, times)
    if kind:
        await _publish(tx, machine, settings, now)
    return kind


async def close_unlisted(tx: AsyncConnection, bill: OpenBill, settings: Settings, now: datetime) -> str | None:
    """`unlisted` when the bill of a machine that the provisioner does not know was closed, at its job's end.

    While the job goes on it stays open: a list can be wrong, and an unbilled machine would be our loss.
    """
    account = await jobs.lock(tx, bill.job_id, bill.workspace_id)
    if account.ended_at is None:
        _log.warning("machine_not_listed", job_id=str(bill.job_id), attempt=bill.attempt)
        return None
    if not await intervals.close(tx, bill.job_id, bill.attempt, max(bill.since, account.ended_at)):
        return None
    await _publish(tx, bill, settings, now)
    return "unlisted"


async def _bill(tx: AsyncConnection, machine: AnyMachine, heard: Heard) -> str | None:
    """What changed, in a word of `correction_kind`; None when nothing did."""
    await jobs.lock(tx, machine.job_id, machine.workspace_id)
    key = (machine.job_id, machine.attempt)
    known = (await intervals.of_machines(tx, [key])).get(key)
    times = known.times if known else None
    new = heard(times)
    if new is None:
        return None
    interval = await _priced(tx, machine, known, new)
    if interval == known:
        return None
    await intervals.save(tx, machine, interval)
    return correction_kind(times, new)


async def _priced(
    tx: AsyncConnection, machine: AnyMachine, known: BilledInterval | None, times: RunTimes
) -> BilledInterval:
    """At the machine's own price; where the provider tells none, at the rate of the day it began."""
    told, on_demand = machine.rate_micro_usd_per_hour, machine.on_demand_micro_usd_per_hour
    table = {pair: rate.micro_usd_per_hour for pair, rate in (await rates.valid_at(tx, times.since)).items()}
    if told is None and on_demand is None and known is None:
        on_demand = table.get((machine.gpu_type, PricingTier.ON_DEMAND))
    interval = bill(
        times, known, told_micro_usd=told, configured_micro_usd=table.get((machine.gpu_type, machine.pricing_tier)),
        on_demand_micro_usd=on_demand, gpu_model=machine.gpu_model)
    if interval is None:
        raise RateUnknown(machine.gpu_type, machine.pricing_tier)
    return interval


async def _publish(tx: AsyncConnection, about: AnyMachine | OpenBill, settings: Settings, now: datetime) -> None:
    await report_cost(tx, about.job_id, about.workspace_id, settings, now)
    await publish_alerts(tx, about.workspace_id, settings, now)
