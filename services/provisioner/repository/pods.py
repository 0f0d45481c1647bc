"""Rows of `pods`, and the lease under which the reconciler works on one."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.gpus import GpuType, PricingTier
from services.provisioner.domain.model import Pod, PodStatus, Result
from services.provisioner.tables import pods

DUE_CHANNEL = "pods_due"
LIVE = (PodStatus.REQUESTED, PodStatus.CREATING, PodStatus.RUNNING)


async def insert_pod(tx: AsyncConnection, **values: Any) -> None:
    await tx.execute(insert(pods).values(status=PodStatus.REQUESTED, **values))


async def lock_pod(tx: AsyncConnection, job_id: UUID, attempt: int) -> Pod | None:
    return await _one(tx, (pods.c.job_id == job_id) & (pods.c.attempt == attempt), locked=True)


async def lock_leased(tx: AsyncConnection, pod_name: str, token: UUID) -> Pod | None:
    """The pod as it is now if the lease still holds; None: what the caller knows is stale, drop it."""
    return await _one(tx, (pods.c.pod_name == pod_name) & (pods.c.lock_token == token), locked=True)


async def read_pod(tx: AsyncConnection, job_id: UUID, attempt: int) -> Pod | None:
    return await _one(tx, (pods.c.job_id == job_id) & (pods.c.attempt == attempt))


async def pods_of(tx: AsyncConnection, job_id: UUID) -> list[Pod]:
    rows = await tx.execute(select(pods).where(pods.c.job_id == job_id).order_by(pods.c.attempt))
    return [_pod(row) for row in rows]


async def change(tx: AsyncConnection, pod_name: str, **values: Any) -> None:
    await tx.execute(update(pods).where(pods.c.pod_name == pod_name).values(**values))


async def release(tx: AsyncConnection, pod_name: str, due_at: datetime, **values: Any) -> None:
    """Give the lease back and say when to look again."""
    await change(tx, pod_name, due_at=due_at, lock_token=None, locked_until=None, **values)


async def next_sequence(tx: AsyncConnection, pod_name: str) -> int:
    statement = update(pods).where(pods.c.pod_name == pod_name).values(sequence=pods.c.sequence + 1)
    return int((await tx.execute(statement.returning(pods.c.sequence))).scalar_one())


async def claim_due(tx: AsyncConnection, now: datetime, lease_s: float, count: int) -> list[tuple[Pod, UUID]]:
    """Take up to `count` due pods that nobody works on, each with a token that is good for `lease_s` seconds."""
    token = uuid4()
    due = (select(pods.c.pod_name)
           .where(pods.c.status != PodStatus.TERMINATED, pods.c.due_at <= now,
                  or_(pods.c.lock_token.is_(None), pods.c.locked_until < now))
           .order_by(pods.c.due_at).limit(count).with_for_update(skip_locked=True))
    taken = (update(pods).where(pods.c.pod_name.in_(due.scalar_subquery()))
             .values(lock_token=token, locked_until=now + timedelta(seconds=lease_s)).returning(*pods.c))
    return [(_pod(row), token) for row in await tx.execute(taken)]


async def make_due(tx: AsyncConnection, now: datetime, names: Iterable[str]) -> None:
    """Have the reconciler look at these pods at once."""
    wanted = pods.c.pod_name.in_(list(names)) & (pods.c.status != PodStatus.TERMINATED)
    await tx.execute(update(pods).where(wanted).values(due_at=func.least(pods.c.due_at, now)))
    await notify(tx)


async def notify(tx: AsyncConnection) -> None:
    await tx.execute(text("SELECT pg_notify(:channel, '')"), {"channel": DUE_CHANNEL})


async def statuses(tx: AsyncConnection, names: Iterable[str]) -> dict[str, PodStatus]:
    rows = await tx.execute(select(pods.c.pod_name, pods.c.status).where(pods.c.pod_name.in_(list(names))))
    return {row.pod_name: PodStatus(row.status) for row in rows}


async def running_since_before(tx: AsyncConnection, moment: datetime) -> set[str]:
    """Pods the provider's list should have."""
    running = (pods.c.status == PodStatus.RUNNING) & (pods.c.running_since < moment)
    return set((await tx.execute(select(pods.c.pod_name).where(running))).scalars())


async def users_of_ended(
    tx: AsyncConnection, *, interrupted_before: datetime, count: int = 50
) -> dict[str, list[str]]:
    """Broker users of attempts that have nothing more to say: gone, or interrupted and past their last words."""
    ended = or_(pods.c.status == PodStatus.TERMINATED,
                (pods.c.status == PodStatus.TERMINATING)
                & or_(pods.c.ended_at.is_not(None), pods.c.interrupted_at < interrupted_before))
    rows = await tx.execute(select(pods.c.pod_name, pods.c.nats_users).where(
        ended, func.cardinality(pods.c.nats_users) > 0).limit(count))
    return {row.pod_name: list(row.nats_users) for row in rows}


async def silent(
    tx: AsyncConnection, *, last_word_before: datetime, started_before: datetime
) -> list[tuple[UUID, int]]:
    """(job, attempt) of running pods whose last sign of life, or start if there was none, is too long ago."""
    quiet = or_(pods.c.last_heartbeat_at < last_word_before,
                pods.c.last_heartbeat_at.is_(None) & (pods.c.running_since < started_before))
    rows = await tx.execute(select(pods.c.job_id, pods.c.attempt).where(
        pods.c.status == PodStatus.RUNNING, pods.c.result.is_(None), quiet))
    return [(row.job_id, row.attempt) for row in rows]


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


async def _one(tx: AsyncConnection, condition: Any, *, locked: bool = False) -> Pod | None:
    statement = select(pods).where(condition)
    row = (await tx.execute(statement.with_for_update() if locked else statement)).one_or_none()
    return _pod(row) if row else None


def _pod(row: Row[Any]) -> Pod:
    return Pod(
        pod_name=row.pod_name, job_id=row.job_id, workspace_id=row.workspace_id, attempt=row.attempt,
        provider=row.provider, gpu_type=GpuType(row.gpu_type), pricing_tier=PricingTier(row.pricing_tier),
        status=PodStatus(row.status), provider_pod_id=row.provider_pod_id, requested_at=row.requested_at,
        create_failures=row.create_failures, creating_since=row.creating_since, running_since=row.running_since,
        last_heartbeat_at=row.last_heartbeat_at, last_step=row.last_step,
        result=Result(row.result) if row.result else None, stop_by=row.stop_by, ended_at=row.ended_at,
        exit_code=row.exit_code, interrupted_at=row.interrupted_at, reason=row.reason,
        terminated_at=row.terminated_at, nats_users=tuple(row.nats_users),
    )
