"""Signed URLs to what a job delivered; who asked for one is written down first."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import Clock
from chassis.database.engine import Database
from chassis.objects.store import ObjectStore
from contracts.identifiers import uuid7
from contracts.job_status import JobStatus
from services.job_api.artifacts.application.delivery import URL_LIFETIME, Delivery, delivery_of
from services.job_api.artifacts.application.metrics_export import MetricsFormat, export_metrics
from services.job_api.artifacts.application.package import package
from services.job_api.artifacts.domain import WeightsFormat
from services.job_api.artifacts.errors import NoAdapter
from services.job_api.artifacts.repository import deliveries, downloads
from services.job_api.artifacts.sources import BUCKET
from services.job_api.callers import Caller
from services.job_api.jobs.errors import JobNotFound
from services.job_api.jobs.repository import jobs
from services.job_api.ports import RpcClient

_LONGEST_CLIENT = 500


@dataclass(frozen=True)
class Requester:
    """Who asks for a URL: the caller, the kind of credential, the program and the address it came from."""

    caller: Caller
    credential: str
    client: str
    address: str


@dataclass(frozen=True)
class HandedOut:
    """`url` needs no credentials and works until `expires_at`."""

    kind: str
    form: str
    delivery: Delivery
    url: str
    expires_at: datetime


@dataclass(frozen=True)
class Downloads:
    database: Database
    objects: ObjectStore
    rpc: RpcClient
    clock: Clock

    async def adapters(self, requester: Requester, job_id: UUID, form: WeightsFormat) -> HandedOut:
        """Raises JobNotFound, NoAdapter, ArtifactDamaged."""
        async with self.database.read() as tx:
            job = await job_of(tx, requester.caller.workspace_id, job_id)
            model = await deliveries.model_of(tx, job_id)
            if model is None:
                raise NoAdapter(job_id, JobStatus(job["status"]))
            files = await deliveries.files_of(tx, model["id"])
        delivery = await delivery_of(self.objects, self.clock, package(self.objects, job, model, files, form))
        return await self._hand_out(requester, job_id, downloads.ADAPTERS, form, delivery)

    async def metrics(self, requester: Requester, job_id: UUID, form: MetricsFormat) -> HandedOut:
        """Raises JobNotFound, NoMetrics."""
        workspace_id = requester.caller.workspace_id
        async with self.database.read() as tx:
            await job_of(tx, workspace_id, job_id)
        delivery = await export_metrics(self.rpc, self.objects, workspace_id, job_id, form)
        return await self._hand_out(requester, job_id, downloads.METRICS, form, delivery)

    async def _hand_out(
        self, requester: Requester, job_id: UUID, kind: str, form: str, delivery: Delivery
    ) -> HandedOut:
        """Recorded first: nobody gets a URL without a trace."""
        expires_at = self.clock.now() + URL_LIFETIME
        url = await self.objects.presign("GET", BUCKET, delivery.key, int(URL_LIFETIME.total_seconds()))
        async with self.database.transaction() as tx:
            await downloads.record_download(tx, {
                "id": uuid7(), "workspace_id": requester.caller.workspace_id, "training_job_id": job_id,
                "kind": kind, "format": form, "object_key": delivery.key, "size_bytes": delivery.size,
                "downloaded_by": requester.caller.subject, "credential": requester.credential,
                "client": requester.client[:_LONGEST_CLIENT], "address": requester.address,
                "expires_at": expires_at,
            })
        return HandedOut(kind, form, delivery, url, expires_at)


async def job_of(tx: AsyncConnection, workspace_id: UUID, job_id: UUID) -> RowMapping:
    """The job's row as the API shows it. Raises JobNotFound."""
    job = await jobs.view(tx, workspace_id, job_id)
    if job is None:
        raise JobNotFound(job_id)
    return job
