"""Rows of `pods`."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.gpus import GpuType, PricingTier
from services.provisioner.adapters.tables import pods
from services.provisioner.domain.model import LIVE, Pod, PodStatus, Result
from services.provisioner.domain.prices import MachinePrice

# A replica of the release before, which does not know the first, may have seen it come up.
_came_up = func.coalesce(pods.c.came_up_at, pods.c.running_since)


async def insert_pod(tx: AsyncConnection, **values: Any) -> None:
    await tx.execute(insert(pods).values({"status": PodStatus.REQUESTED, **values}))


async def lock_pod(tx: AsyncConnection, job_id: UUID, attempt: int) -> Pod | None:
    return await find_pod(tx, (pods.c.job_id == job_id) & (pods.c.attempt == attempt), locked=True)


async def read_pod(tx: AsyncConnection, job_id: UUID, attempt: int) -> Pod | None:
    return await find_pod(tx, (pods.c.job_id == job_id) & (pods.c.attempt == attempt))


async def pods_of(tx: AsyncConnection, job_id: UUID) -> list[Pod]:
    rows = await tx.execute(select(pods).where(pods.c.job_id == job_id).order_by(pods.c.attempt))
    return [as_pod(row) for row in rows]


async def change(tx: AsyncConnection, pod_name: str, **values: Any) -> None:
    await tx.execute(update(pods).where(pods.c.pod_name == pod_name).values(**values))


async def next_sequence(tx: AsyncConnection, pod_name: str) -> int:
    statement = update(pods).where(pods.c.pod_name == pod_name).values(sequence=pods.c.sequence + 1)
    return int((await tx.execute(statement.returning(pods.c.sequence))).scalar_one())


async def statuses(tx: AsyncConnection, names: Iterable[str]) -> dict[str, PodStatus]:
    rows = await tx.execute(select(pods.c.pod_name, pods.c.status).where(pods.c.pod_name.in_(list(names))))
    return {row.pod_name: PodStatus(row.status) for row in rows}


async def up_before(tx: AsyncConnection, moment: datetime) -> set[str]:
    """Pods the provider's list should have."""
    running = (pods.c.status == PodStatus.RUNNING) & (_came_up < moment)
    return set((await tx.execute(select(pods.c.pod_name).where(running))).scalars())


async def machines(tx: AsyncConnection, since: datetime, *, after: str, count: int) -> list[Row[Any]]:
    """Pods that had a machine at or after `since`, by name."""
    had_one = or_(pods.c.provider_pod_id.is_not(None), pods.c.running_since.is_not(None))
    existed = or_(pods.c.terminated_at.is_(None), pods.c.terminated_at >= since)
    query = select(pods).where(had_one, existed, pods.c.pod_name > after).order_by(pods.c.pod_name).limit(count)
    return list(await tx.execute(query))


async def leaked_since(tx: AsyncConnection, since: datetime) -> list[Row[Any]]:
    """Machines that are gone since then and cost more than their use, the newest first."""
    query = select(pods).where(pods.c.terminated_at >= since, pods.c.leaked_micro_usd > 0)
    return list(await tx.execute(query.order_by(pods.c.terminated_at.desc())))


async def silent(
    tx: AsyncConnection, *, last_word_before: datetime, started_before: datetime
) -> list[tuple[UUID, int]]:
    """(job, attempt) of running pods whose last sign of life, or start if there was none, is too long ago."""
    quiet = or_(pods.c.last_heartbeat_at < last_word_before,
                pods.c.last_heartbeat_at.is_(None) & (_came_up < started_before))
    rows = await tx.execute(select(pods.c.job_id, pods.c.attempt).where(
        pods.c.status == PodStatus.RUNNING, pods.c.result.is_(None), quiet))
    return [(row.job_id, row.attempt) for row in rows]


async def drained_out(tx: AsyncConnection, now: datetime) -> list[tuple[UUID, int]]:
    """(job, attempt) of pods that should have saved their checkpoint and ended by now."""
    late = (pods.c.drain_by <= now) & pods.c.status.in_(LIVE)
    return [(row.job_id, row.attempt) for row in await tx.execute(select(pods.c.job_id, pods.c.attempt).where(late))]


async def record_heartbeat(
    tx: AsyncConnection, job_id: UUID, attempt: int, now: datetime, step: int | None, stage: str
) -> None:
    values: dict[str, Any] = {"last_heartbeat_at": now}
    values |= {"last_step": step} if step is not None else {}
    values |= {"stage": stage} if stage else {}
    mine = (pods.c.job_id == job_id) & (pods.c.attempt == attempt) & pods.c.status.in_(LIVE)
    await tx.execute(update(pods).where(mine).values(**values))


async def count_by_status(tx: AsyncConnection) -> dict[PodStatus, int]:
    rows = await tx.execute(select(pods.c.status, func.count()).where(
        pods.c.status != PodStatus.TERMINATED).group_by(pods.c.status))
    return {PodStatus(status): int(number) for status, number in rows}


async def machines_rented(tx: AsyncConnection) -> dict[tuple[str, str], int]:
    """(provider, tier) -> machines that exist and are not known to be gone."""
    exists = pods.c.provider_pod_id.is_not(None) & (pods.c.status != PodStatus.TERMINATED)
    rows = await tx.execute(select(pods.c.provider, pods.c.pricing_tier, func.count()).where(exists).group_by(
        pods.c.provider, pods.c.pricing_tier))
    return {(provider, tier): int(number) for provider, tier, number in rows}


async def oldest_request_s(tx: AsyncConnection) -> float:
    """Seconds for which the pod that has waited longest for a machine has waited; 0 when none waits."""
    waits = pods.c.status.in_((PodStatus.REQUESTED, PodStatus.CREATING)) & pods.c.provider_pod_id.is_(None)
    age = func.max(func.extract("epoch", func.now() - pods.c.requested_at))
    return float((await tx.execute(select(age).where(waits))).scalar() or 0)


async def find_pod(tx: AsyncConnection, condition: Any, *, locked: bool = False) -> Pod | None:
    statement = select(pods).where(condition)
    row = (await tx.execute(statement.with_for_update() if locked else statement)).one_or_none()
    return as_pod(row) if row else None


def as_pod(row: Row[Any]) -> Pod:
    return Pod(
        pod_name=row.pod_name, job_id=row.job_id, workspace_id=row.workspace_id, attempt=row.attempt,
        provider=row.provider, gpu_type=GpuType(row.gpu_type), pricing_tier=PricingTier(row.pricing_tier),
        status=PodStatus(row.status), provider_pod_id=row.provider_pod_id, requested_at=row.requested_at,
        create_failures=row.create_failures, creating_since=row.creating_since, running_since=row.running_since,
        last_heartbeat_at=row.last_heartbeat_at, last_step=row.last_step,
        result=Result(row.result) if row.result else None, stop_by=row.stop_by, ended_at=row.ended_at,
        exit_code=row.exit_code, interrupted_at=row.interrupted_at, reason=row.reason,
        terminated_at=row.terminated_at, create_asked_at=row.create_asked_at, came_up_at=row.came_up_at,
        missing_since=row.missing_since, closed_at=row.closed_at, failed_offers=row.failed_offers,
        in_line_since=row.in_line_since, waiting_since=row.waiting_since, told_ahead=row.told_ahead,
        price=MachinePrice(row.gpu_model, row.rate_micro_usd_per_hour, row.on_demand_micro_usd_per_hour),
        last_words_until=row.last_words_until, drain_by=row.drain_by,
    )
