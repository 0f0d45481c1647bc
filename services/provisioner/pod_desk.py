"""What pods ask: to be alive, to read and write objects, to know what they can resume from."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import Clock
from chassis.database.engine import Database
from chassis.messaging.bus import Bus
from chassis.objects.store import ObjectStore
from chassis.problems import Conflict, Forbidden, Invalid
from contracts.rpc import pods as rpc
from services.provisioner.domain.model import Job, Pod
from services.provisioner.domain.storage import KeyRefused, ObjectAddress, address, job_prefix
from services.provisioner.repository import checkpoints, jobs, pods
from services.provisioner.unheard_checkpoints import unheard_checkpoints
from services.provisioner.usecases import training

_OFFERED = 10


class PodDesk:
    """Answers by job: the broker guarantees that a pod asks for its own job only, `attempt` is checked here."""

    def __init__(self, database: Database, objects: ObjectStore, clock: Clock, *, url_lifetime_s: int) -> None:
        self._database, self._objects, self._clock = database, objects, clock
        self._url_lifetime_s = url_lifetime_s

    def register(self, bus: Bus) -> None:
        bus.serve_pods(rpc.HEARTBEAT, self.heartbeat)
        bus.serve_pods(rpc.SIGN_URLS, self.sign_urls)
        bus.serve_pods(rpc.LIST_CHECKPOINTS, self.list_checkpoints)
        bus.serve_pods(rpc.DELETE_CHECKPOINT, self.delete_checkpoint)

    async def heartbeat(self, job_id: str, beat: rpc.Heartbeat) -> rpc.HeartbeatReply:
        async with self._database.transaction() as tx:
            job, pod = await _find(tx, _uuid(job_id), beat.attempt)
            if (reason := why_stop(job, pod)) is not None:
                return rpc.HeartbeatReply(directive="stop", reason=reason)
            await pods.record_heartbeat(tx, _uuid(job_id), beat.attempt, self._clock.now(), beat.step, beat.stage)
        return rpc.HeartbeatReply(directive="continue")

    async def sign_urls(self, job_id: str, wanted: rpc.SignUrls) -> rpc.SignUrlsReply:
        """One URL per object, all or none. Forbidden for another attempt's objects, Conflict for an old attempt."""
        job = await self._current_job(job_id, wanted.attempt)
        expires_at = self._clock.now() + timedelta(seconds=self._url_lifetime_s)
        urls = []
        for item in wanted.objects:
            target = _address(job, wanted.attempt, item)
            url = await self._objects.presign(item.method, target.bucket, target.key, self._url_lifetime_s)
            urls.append(rpc.SignedUrl(area=item.area, key=item.key, bucket=target.bucket, object_key=target.key,
                                      url=url, expires_at=expires_at))
        return rpc.SignUrlsReply(urls=tuple(urls))

    async def list_checkpoints(self, job_id: str, asked: rpc.ListCheckpoints) -> rpc.ListCheckpointsReply:
        """Newest first. Of a second attempt on, what was saved but never heard of is found as well."""
        job = await self._current_job(job_id, asked.attempt)
        if asked.attempt > 1:
            await self._find_unheard(job)
        async with self._database.read() as tx:
            rows = await checkpoints.newest(tx, job.job_id, _OFFERED)
        prefix = job_prefix(job.workspace_id, job.job_id)
        return rpc.ListCheckpointsReply(checkpoints=tuple(
            rpc.CheckpointOffer(attempt=row.attempt, step=row.step, manifest_key=row.manifest_key.removeprefix(prefix),
                                manifest_sha256=row.manifest_sha256)
            for row in rows))

    async def _find_unheard(self, job: Job) -> None:
        async with self._database.read() as tx:
            known = await checkpoints.known(tx, job.job_id)
        for saved in await unheard_checkpoints(self._objects, job, known):
            async with self._database.transaction() as tx:
                await training.checkpoint_saved(tx, saved, now=self._clock.now())

    async def delete_checkpoint(self, job_id: str, which: rpc.DeleteCheckpoint) -> rpc.Done:
        """Repeating it is no error. The newest checkpoint is never given up: it may be all there is."""
        job = await self._current_job(job_id, which.attempt)
        async with self._database.transaction() as tx:
            newest = await checkpoints.newest(tx, job.job_id, 1)
            if newest and (newest[0].attempt, newest[0].step) == (which.checkpoint_attempt, which.step):
                raise Conflict("The newest checkpoint cannot be deleted.", code="newest_checkpoint",
                               suggested_fix="Save a newer one first.")
            await checkpoints.mark_deleted(tx, job.job_id, self._clock.now(), attempt=which.checkpoint_attempt,
                                           step=which.step)
        return rpc.Done()

    async def _current_job(self, job_id: str, attempt: int) -> Job:
        async with self._database.read() as tx:
            job, pod = await _find(tx, _uuid(job_id), attempt)
        reason = why_stop(job, pod)
        if reason is not None or job is None:
            raise Conflict(f"Attempt {attempt} does not count any more: {reason}.", code="attempt_superseded",
                           suggested_fix="End this pod; a newer attempt or nobody continues the job.")
        return job


def why_stop(job: Job | None, pod: Pod | None) -> str | None:
    """Why this attempt should end; None while it counts. After its result it may close in peace."""
    if job is None or pod is None:
        return "no such attempt"
    if pod.attempt != job.attempt:
        return f"attempt {job.attempt} has taken over"
    if pod.status not in pods.LIVE:
        return pod.reason or "the pod is being terminated"
    if not job.active and pod.result is None:
        return f"the job is {job.state.value}"
    return None


async def _find(tx: AsyncConnection, job_id: UUID, attempt: int) -> tuple[Job | None, Pod | None]:
    return await jobs.read_job(tx, job_id), await pods.read_pod(tx, job_id, attempt)


def _address(job: Job, attempt: int, item: rpc.ObjectRequest) -> ObjectAddress:
    assert job.spec is not None
    file = job.spec.training_file
    try:
        return address(item, workspace_id=job.workspace_id, job_id=job.job_id, attempt=attempt,
                       training_file=ObjectAddress(file.bucket, file.key))
    except KeyRefused as error:
        raise Forbidden(f"No access: {error}.", code="object_key_refused",
                        suggested_fix="Name objects relative to the job, below the attempt's own folder.") from error


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid(f"'{text}' is no job id.") from None
