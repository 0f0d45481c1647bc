"""The line for a provider's machines: pods without one, in the order in which they were asked for."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.provisioner.adapters.repository.leases import notify
from services.provisioner.adapters.tables import pods
from services.provisioner.domain.lines import Ahead, shares_every_machine
from services.provisioner.domain.model import Pod, PodStatus

_SINCE = func.coalesce(pods.c.in_line_since, pods.c.requested_at)
_WITHOUT_MACHINE = pods.c.status.in_([PodStatus.REQUESTED.value, PodStatus.CREATING.value]) & (
    pods.c.provider_pod_id.is_(None))
_WAITS = pods.c.waiting_since.is_not(None)
# Shorter than any pause after a failure, longer than the pause until a pod looks again that waits for one before it.
_SOON = timedelta(seconds=0.5)


async def ahead(tx: AsyncConnection, pod: Pod, now: datetime) -> Ahead:
    """Who stands before it. One that pauses after a failure holds nobody up."""
    asking = ~_WAITS & (pods.c.create_failures == 0) & or_(pods.c.due_at <= now + _SOON, pods.c.locked_until > now)
    before = tuple_(_SINCE, pods.c.pod_name) < tuple_(pod.in_line_since or pod.requested_at, pod.pod_name)
    statement = select(func.count().filter(_WAITS), func.count().filter(asking)).where(_line_of(pod), before)
    row = (await tx.execute(statement)).one()
    return Ahead(*row)


async def wake_first(tx: AsyncConnection, pod: Pod, now: datetime) -> None:
    """Something may be free: the first in this pod's line asks at once, unless somebody works on it just now. One that
    pauses after a failure goes on pausing."""
    stands = _WAITS | (pods.c.due_at <= now + _SOON)
    statement = select(pods.c.pod_name).where(_line_of(pod), stands, pods.c.pod_name != pod.pod_name)
    first = (await tx.execute(statement.order_by(_SINCE, pods.c.pod_name).limit(1).with_for_update(
        skip_locked=True))).scalar_one_or_none()
    if first is not None:
        await tx.execute(update(pods).where(pods.c.pod_name == first).values(due_at=func.least(pods.c.due_at, now)))
        await notify(tx)


def _line_of(pod: Pod) -> ColumnElement[Any]:
    mine = and_(_WITHOUT_MACHINE, pods.c.provider == pod.provider)
    if shares_every_machine(pod):
        return mine
    return and_(mine, pods.c.gpu_type == pod.gpu_type, pods.c.pricing_tier == pod.pricing_tier)
