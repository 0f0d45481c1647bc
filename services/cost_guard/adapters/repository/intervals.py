"""SQL of billing intervals: one for each machine, which is an attempt of a job."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events import PodRunning, PodTerminated
from contracts.gpus import PricingTier
from contracts.rpc.costs import RateSource
from contracts.rpc.pods import Machine
from services.cost_guard.adapters.tables import billing_intervals
from services.cost_guard.domain.billing import BilledInterval

AnyMachine = PodRunning | PodTerminated | Machine
MachineKey = tuple[UUID, int]  # job, attempt


@dataclass(frozen=True)
class BilledMachine:
    """One attempt's machine with its bill."""

    attempt: int
    pricing_tier: PricingTier
    interval: BilledInterval


@dataclass(frozen=True)
class OpenBill:
    """A machine that is billed up to now."""

    job_id: UUID
    workspace_id: UUID
    attempt: int
    since: datetime


async def save(tx: AsyncConnection, machine: AnyMachine, interval: BilledInterval) -> None:
    bill = {
        "pricing_tier": machine.pricing_tier.value,
        "rate_micro_usd_per_hour": interval.rate_micro_usd_per_hour,
        "rate_source": interval.rate_source.value,
        "on_demand_micro_usd_per_hour": interval.on_demand_micro_usd_per_hour,
        "gpu_model": interval.gpu_model,
        "running_since": interval.since,
        "terminated_at": interval.until,
    }
    statement = insert(billing_intervals).values(
        job_id=machine.job_id,
        attempt=machine.attempt,
        workspace_id=machine.workspace_id,
        gpu_type=machine.gpu_type.value,
        **bill,
    )
    await tx.execute(statement.on_conflict_do_update(constraint=billing_intervals.primary_key, set_=bill))


async def close(tx: AsyncConnection, job_id: UUID, attempt: int, until: datetime) -> bool:
    """End an open interval. False when it was not open."""
    still_open = (
        (billing_intervals.c.job_id == job_id)
        & (billing_intervals.c.attempt == attempt)
        & billing_intervals.c.terminated_at.is_(None)
    )
    return (await tx.execute(update(billing_intervals).where(still_open).values(terminated_at=until))).rowcount == 1


async def of_job(connection: AsyncConnection, job_id: UUID) -> list[BilledInterval]:
    query = select(billing_intervals).where(billing_intervals.c.job_id == job_id)
    return [_interval(row) for row in await connection.execute(query)]


async def machines_of_job(connection: AsyncConnection, job_id: UUID) -> list[BilledMachine]:
    """By attempt."""
    query = select(billing_intervals).where(billing_intervals.c.job_id == job_id).order_by(billing_intervals.c.attempt)
    return [BilledMachine(row.attempt, PricingTier(row.pricing_tier), _interval(row))
            for row in await connection.execute(query)]


async def of_machines(connection: AsyncConnection, keys: Iterable[MachineKey]) -> dict[MachineKey, BilledInterval]:
    columns = tuple_(billing_intervals.c.job_id, billing_intervals.c.attempt)
    query = select(billing_intervals).where(columns.in_(list(keys)))
    return {(row.job_id, row.attempt): _interval(row) for row in await connection.execute(query)}


async def open_bills(connection: AsyncConnection) -> list[OpenBill]:
    query = select(billing_intervals).where(billing_intervals.c.terminated_at.is_(None))
    rows = await connection.execute(query)
    return [OpenBill(row.job_id, row.workspace_id, row.attempt, row.running_since) for row in rows]


def _interval(row: Row[Any]) -> BilledInterval:
    return BilledInterval(
        row.rate_micro_usd_per_hour, row.running_since, row.terminated_at, RateSource(row.rate_source),
        row.on_demand_micro_usd_per_hour, row.gpu_model)
