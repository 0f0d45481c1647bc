"""Checkpoints that were written but never reported: the pod died, or lost the broker, right after the manifest."""

import hashlib
from typing import Any
from uuid import UUID

import structlog
from pydantic import ValidationError

from chassis.objects.store import ObjectNotFound, ObjectStore
from chassis.problems import ServiceUnavailable
from contracts.events import CheckpointManifest, CheckpointSaved
from services.provisioner.domain.model import Job
from services.provisioner.domain.storage import CHECKPOINTS_BUCKET, checkpoint_of, job_prefix, owns

_log = structlog.get_logger(__name__)


async def unreported_checkpoints(
    objects: ObjectStore, job: Job, known: set[tuple[int, int]]
) -> list[CheckpointSaved]:
    """Complete checkpoints in the object store that are not among the `known` (attempt, step).

    Empty when the storage does not answer: what was reported is then all there is.
    """
    prefix = job_prefix(job.workspace_id, job.job_id)
    try:
        listed = await objects.list(CHECKPOINTS_BUCKET, prefix)
        found = []
        for item in listed:
            place = checkpoint_of(item.key, prefix)
            if place is not None and place not in known and place[0] <= job.attempt:
                found.append(await _read(objects, job, item.key, *place))
    except ServiceUnavailable as error:
        _log.warning("checkpoints_not_listed", job_id=str(job.job_id), error=error.detail)
        return []
    return [saved for saved in found if saved is not None]


async def _read(objects: ObjectStore, job: Job, key: str, attempt: int, step: int) -> CheckpointSaved | None:
    try:
        raw = await objects.get_bytes(CHECKPOINTS_BUCKET, key)
        manifest = CheckpointManifest.model_validate_json(raw)
    except (ObjectNotFound, ValidationError):
        return None
    if not _is_sound(manifest, job, attempt, step):
        _log.warning("manifest_not_believed", key=key)
        return None
    return CheckpointSaved(**_saved(manifest, job, key, raw))


def _is_sound(manifest: CheckpointManifest, job: Job, attempt: int, step: int) -> bool:
    """A pod wrote it: it must speak of itself and of objects of its own job."""
    mine = (manifest.job_id, manifest.attempt, manifest.step) == (str(job.job_id), attempt, step)
    return mine and all(owns(CHECKPOINTS_BUCKET, file.key, workspace_id=job.workspace_id, job_id=job.job_id)
                        for file in manifest.files)


def _saved(manifest: CheckpointManifest, job: Job, key: str, raw: bytes) -> dict[str, Any]:
    job_id: UUID = job.job_id
    return {
        "job_id": job_id, "workspace_id": job.workspace_id, "attempt": manifest.attempt, "step": manifest.step,
        "bucket": CHECKPOINTS_BUCKET, "prefix": key.rpartition("/")[0] + "/", "manifest_key": key,
        "manifest_sha256": hashlib.sha256(raw).hexdigest(), "files": manifest.files,
        "size_bytes": sum(file.size_bytes for file in manifest.files), "saved_at": manifest.saved_at,
    }
