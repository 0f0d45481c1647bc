"""The lease under which the reconciler works on one pod, and when it is due."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.provisioner.adapters.repository.pods import as_pod, change, find_pod
from services.provisioner.adapters.tables import jobs, pods
from services.provisioner.domain.model import Pod, PodStatus

DUE_CHANNEL = "pods_due"
_TRACE = select(jobs.c.traceparent).where(jobs.c.job_id == pods.c.job_id).scalar_subquery().label("job_trace")


async def claim_due(
    tx: AsyncConnection, now: datetime, lease_s: float, count: int
) -> list[tuple[Pod, UUID, str | None]]:
    """Take up to `count` due pods that nobody works on, each with a token that is good for `lease_s` seconds, and the
    trace that its job belongs to."""
    token = uuid4()
    due = (select(pods.c.pod_name)
           .where(pods.c.status != PodStatus.TERMINATED, pods.c.due_at <= now,
                  or_(pods.c.lock_token.is_(None), pods.c.locked_until < now))
           .order_by(pods.c.due_at).limit(count).with_for_update(skip_locked=True))
    taken = (update(pods).where(pods.c.pod_name.in_(due.scalar_subquery()))
             .values(lock_token=token, locked_until=now + timedelta(seconds=lease_s)).returning(*pods.c, _TRACE))
    return [(as_pod(row), token, row.job_trace) for row in await tx.execute(taken)]


async def lock_leased(tx: AsyncConnection, pod_name: str, token: UUID) -> Pod | None:
    """The pod as it is now if the lease still holds; None: what the caller knows is stale, drop it."""
    return await find_pod(tx, (pods.c.pod_name == pod_name) & (pods.c.lock_token == token), locked=True)


async def release(tx: AsyncConnection, pod_name: str, due_at: datetime, **values: Any) -> None:
    """Give the lease back and say when to look again."""
    await change(tx, pod_name, due_at=due_at, lock_token=None, locked_until=None, **values)


async def make_due(tx: AsyncConnection, now: datetime, names: Iterable[str]) -> None:
    """Have the reconciler look at these pods at once; at one that has last words not before it has said them: RunPod
    shows a machine as ended that still has five seconds."""
    wanted = pods.c.pod_name.in_(list(names)) & (pods.c.status != PodStatus.TERMINATED)
    soonest = func.greatest(now, func.coalesce(pods.c.last_words_until, now))
    await tx.execute(update(pods).where(wanted).values(due_at=func.least(pods.c.due_at, soonest)))
    await notify(tx)


async def notify(tx: AsyncConnection) -> None:
    await tx.execute(text("SELECT pg_notify(:channel, '')"), {"channel": DUE_CHANNEL})
