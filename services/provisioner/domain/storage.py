"""Which objects a pod may touch. Keys are built here, on the server; a pod only names the last part."""

import re
from dataclasses import dataclass
from uuid import UUID

from contracts.rpc.pods import ObjectRequest
from services.provisioner.domain.errors import KeyRefused

CHECKPOINTS_BUCKET = "training-checkpoints"
ARTIFACTS_BUCKET = "model-artifacts"
_BUCKETS = {"checkpoints": CHECKPOINTS_BUCKET, "artifacts": ARTIFACTS_BUCKET}
# Path segments of plain characters: no empty one, no `.`, no `..`, nothing that a URL or a gateway rewrites.
_SEGMENT = re.compile(r"^(?!\.{1,2}$)[A-Za-z0-9._=@+-]{1,200}\Z")
_ATTEMPT = re.compile(r"^a([1-9][0-9]*)\Z")
_MANIFEST = re.compile(r"^a([1-9][0-9]*)/step-([0-9]+)/manifest\.json\Z")


@dataclass(frozen=True)
class ObjectAddress:
    bucket: str
    key: str


def job_prefix(workspace_id: UUID, job_id: UUID) -> str:
    return f"{workspace_id}/{job_id}/"


def result_key(workspace_id: UUID, job_id: UUID, attempt: int) -> str:
    """Where the trainer leaves its final events beside the artifacts."""
    return f"{job_prefix(workspace_id, job_id)}a{attempt}/result.json"


def address(
    wanted: ObjectRequest, *, workspace_id: UUID, job_id: UUID, attempt: int, training_file: ObjectAddress,
    continues: UUID | None = None,
) -> ObjectAddress:
    """The object behind a request of this attempt. Raises KeyRefused.

    Reading is allowed anywhere below the job's prefix, and of the checkpoints of the job that it `continues`; writing
    only below the attempt's own `a<attempt>/`.
    """
    if wanted.area == "training_file":
        if wanted.method != "GET":
            raise KeyRefused("the training file can only be read")
        return training_file
    segments = wanted.key.split("/")
    if not all(_SEGMENT.match(segment) for segment in segments):
        raise KeyRefused(f"'{wanted.key}' is not a plain relative key")
    if _attempt_of(segments) is None:
        raise KeyRefused(f"'{wanted.key}' does not begin with an attempt such as 'a1/'")
    if wanted.method == "PUT" and _attempt_of(segments) != attempt:
        raise KeyRefused(f"attempt {attempt} may write below 'a{attempt}/' only, not '{wanted.key}'")
    owner = _owner(wanted, job_id, continues)
    return ObjectAddress(_BUCKETS[wanted.area], job_prefix(workspace_id, owner) + wanted.key)


def _owner(wanted: ObjectRequest, job_id: UUID, continues: UUID | None) -> UUID:
    """Whose object is wanted. Raises KeyRefused."""
    if wanted.job_id in (None, job_id):
        return job_id
    if continues is None or wanted.job_id != continues:
        raise KeyRefused("the objects of another job can only be read by a job that continues it")
    if wanted.method != "GET" or wanted.area != "checkpoints":
        raise KeyRefused("of the job that this one continues only checkpoints can be read")
    return continues


def _attempt_of(segments: list[str]) -> int | None:
    match = _ATTEMPT.match(segments[0]) if len(segments) > 1 else None
    return int(match[1]) if match else None


def owns(bucket: str, key: str, *, workspace_id: UUID, job_id: UUID) -> bool:
    """Whether a checkpoint object that a pod speaks of lies below its job's prefix."""
    prefix = job_prefix(workspace_id, job_id)
    rest = key.removeprefix(prefix)
    return bucket == CHECKPOINTS_BUCKET and rest != key and all(_SEGMENT.match(part) for part in rest.split("/"))


def checkpoint_of(key: str, prefix: str) -> tuple[int, int] | None:
    """(attempt, step) of a checkpoint's manifest below the job's prefix; None for any other object."""
    match = _MANIFEST.match(key.removeprefix(prefix)) if key.startswith(prefix) else None
    return (int(match[1]), int(match[2])) if match else None
