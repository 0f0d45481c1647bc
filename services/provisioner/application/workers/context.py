"""What every kind of work on a pod needs: database, provider, patience, time; and the lease on the pod."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import Clock
from chassis.database.engine import Database
from services.provisioner.adapters.database_clock import DatabaseClock
from services.provisioner.adapters.repository import jobs, leases
from services.provisioner.application.workers.metrics import Metrics
from services.provisioner.domain.model import Job, Pod
from services.provisioner.domain.policy import Policy
from services.provisioner.ports import ComputeProvider


@dataclass(frozen=True)
class WorkerContext:
    """`clock` measures spans of this process; what other replicas compare comes from `database_clock`."""

    database: Database
    provider: ComputeProvider
    policy: Policy
    clock: Clock
    metrics: Metrics
    call_timeout_s: float = 10.0
    database_clock: DatabaseClock = field(default_factory=DatabaseClock)


@dataclass(frozen=True)
class PodLease:
    """The right to work on one pod. `pod` is how it was when the lease began, `traceparent` its job's."""

    pod: Pod
    token: UUID
    traceparent: str | None = None


@dataclass(frozen=True)
class LeasedPod:
    """The rows as they are now, locked, while the lease still holds."""

    tx: AsyncConnection
    job: Job
    pod: Pod
    now: datetime

    async def release(self, after_s: float = 0.0, **values: object) -> None:
        await leases.release(self.tx, self.pod.pod_name, self.now + timedelta(seconds=after_s), **values)
        if not after_s:
            await leases.notify(self.tx)


@asynccontextmanager
async def leased(context: WorkerContext, lease: PodLease) -> AsyncIterator[LeasedPod | None]:
    """A transaction over job and pod; None when the lease was lost and what the caller learnt is stale."""
    async with context.database.transaction() as tx:
        job = await jobs.lock_job(tx, lease.pod.job_id)
        pod = await leases.lock_leased(tx, lease.pod.pod_name, lease.token)
        now = await context.database_clock.now(tx)
        yield None if job is None or pod is None else LeasedPod(tx, job, pod, now)
