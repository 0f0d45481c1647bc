"""Machines that the provider lists and nobody wants: billed like any other before they are forgotten."""

from dataclasses import asdict
from datetime import datetime, timedelta
from enum import Enum

from sqlalchemy.ext.asyncio import AsyncConnection

from services.provisioner.adapters.repository import jobs, leases, pods
from services.provisioner.domain.attempts import tier_for
from services.provisioner.domain.model import Job, Pod, PodStatus
from services.provisioner.domain.names import parse_pod_name
from services.provisioner.domain.prices import completed_by
from services.provisioner.ports import Machine


class Orphan(Enum):
    NONE = "none"  # somebody speaks for it, or it has just ended and is still listed
    ADOPTED = "adopted"  # its row is open again, until the machine is gone
    UNKNOWN = "unknown"  # no job of ours: there is nobody to be billed


async def adopt_orphan(
    tx: AsyncConnection, machine: Machine, *, provider: str, list_lag_s: float, now: datetime
) -> Orphan:
    """Its name says whose it is. Intents are saved first, so a machine without an open row belongs to nobody."""
    named = parse_pod_name(machine.name)
    job = await jobs.lock_job(tx, named[0]) if named else None
    if named is None or job is None:
        return Orphan.UNKNOWN
    pod = await pods.lock_pod(tx, *named)
    if pod is not None and _speaks_for_it(pod, now, list_lag_s):
        return Orphan.NONE
    if pod is None and not await _insert(tx, job, machine, named[1], provider, now):
        return Orphan.UNKNOWN
    since = machine.running_since or machine.created_at
    # `create_asked_at`: no create is under way, and what was seen and ended is gone when it is not seen any more.
    await pods.change(tx, machine.name, status=PodStatus.TERMINATING, terminated_at=None, closed_at=None, due_at=now,
                      provider_pod_id=machine.provider_pod_id, create_asked_at=None,
                      running_since=since if pod is None or pod.running_since is None else pod.running_since,
                      **asdict(machine.price if pod is None else completed_by(pod.price, machine.price)))
    await leases.notify(tx)
    return Orphan.ADOPTED


def _speaks_for_it(pod: Pod, now: datetime, list_lag_s: float) -> bool:
    if pod.status is not PodStatus.TERMINATED:
        return True
    return pod.closed_at is not None and now < pod.closed_at + timedelta(seconds=list_lag_s)


async def _insert(
    tx: AsyncConnection, job: Job, machine: Machine, attempt: int, provider: str, now: datetime
) -> bool:
    if job.spec is None:
        return False
    await pods.insert_pod(
        tx, pod_name=machine.name, job_id=job.job_id, workspace_id=job.workspace_id, attempt=attempt,
        provider=provider, gpu_type=job.spec.gpu_type, pricing_tier=tier_for(job.spec.pricing_tier, job.counters),
        requested_at=now, due_at=now, reason="nobody asked for this machine",
    )
    return True
