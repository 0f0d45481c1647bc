"""URLs with which a pod reads and writes its job's objects: it has no key to the storage."""

from datetime import datetime, timedelta
from uuid import UUID

from chassis.database.engine import Database
from chassis.objects.store import ObjectStore
from contracts.rpc.pods import ObjectRequest, SignedUrl, SignUrls, SignUrlsReply
from services.provisioner.adapters.database_clock import DatabaseClock
from services.provisioner.application.queries.attempts import current_job
from services.provisioner.domain.model import Job
from services.provisioner.domain.storage import ObjectAddress, address


async def sign_urls(
    database: Database, objects: ObjectStore, job_id: UUID, wanted: SignUrls, *, lifetime_s: int, now: datetime,
    database_clock: DatabaseClock,
) -> SignUrlsReply:
    """One URL per object, all or none. Raises KeyRefused for another attempt's objects, AttemptSuperseded."""
    saves = all(item.method == "PUT" and item.area == "checkpoints" for item in wanted.objects)
    job = await current_job(database, job_id, wanted.attempt, last_words=database_clock if saves else None)
    expires_at = now + timedelta(seconds=lifetime_s)
    targets = [(item, _address(job, wanted.attempt, item)) for item in wanted.objects]
    return SignUrlsReply(urls=tuple([
        SignedUrl(area=item.area, key=item.key, bucket=target.bucket, object_key=target.key, expires_at=expires_at,
                  url=await objects.presign(item.method, target.bucket, target.key, lifetime_s))
        for item, target in targets]))


def _address(job: Job, attempt: int, item: ObjectRequest) -> ObjectAddress:
    assert job.spec is not None
    file = job.spec.training_file
    return address(item, workspace_id=job.workspace_id, job_id=job.job_id, attempt=attempt,
                   continues=job.spec.continues,
                   training_file=ObjectAddress(file.bucket, file.key))
