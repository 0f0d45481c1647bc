"""Where the files of a delivery come from; what comes from the storage is checked on the way."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

from sqlalchemy.engine import RowMapping

from chassis.objects.store import ObjectNotFound, ObjectStore
from services.job_api.artifacts.errors import ArtifactDamaged

BUCKET = "model-artifacts"
_CHUNK = 1024 * 1024


class Source(Protocol):
    """A file of known size: `path` is its name in the ZIP, `sha256` that of its content (hex)."""

    @property
    def path(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def sha256(self) -> str: ...
    def chunks(self) -> AsyncIterator[bytes]: ...


@dataclass(frozen=True)
class StoredFile:
    """An object the trainer uploaded. Reading it raises `artifact_damaged` unless it is there, whole and unchanged."""

    objects: ObjectStore
    path: str
    key: str
    size: int
    sha256: str

    async def chunks(self) -> AsyncIterator[bytes]:
        digest, size = hashlib.sha256(), 0
        try:
            stream = await self.objects.get_stream(BUCKET, self.key, chunk_bytes=_CHUNK)
        except ObjectNotFound:
            raise ArtifactDamaged(self.path, "is missing in the storage") from None
        async for chunk in stream:
            digest.update(chunk)
            size += len(chunk)
            yield chunk
        if size != self.size:
            raise ArtifactDamaged(self.path, f"has {size:,} bytes where {self.size:,} were uploaded")
        if digest.hexdigest() != self.sha256:
            raise ArtifactDamaged(self.path, "does not have the SHA-256 it was uploaded with")


@dataclass(frozen=True)
class Text:
    """A file made here."""

    path: str
    content: bytes

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self.content


@dataclass(frozen=True)
class LocalFile:
    """A file on this machine's disk."""

    path: str
    file: Path
    size: int
    sha256: str

    async def chunks(self) -> AsyncIterator[bytes]:
        with self.file.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk


def stored_file(objects: ObjectStore, job_id: UUID, workspace_id: UUID, row: RowMapping) -> StoredFile:
    """The row's file. A pod named path and key: outside its job's own folder it has nothing to say."""
    path, key, own = row["path"], row["key"], f"{workspace_id}/{job_id}/"
    parts = path.split("/")
    if path.startswith("/") or "\\" in path or any(part in ("", ".", "..") for part in parts):
        raise ArtifactDamaged(path, "is not a plain file name")
    if row["bucket"] != BUCKET or not key.startswith(own) or ".." in key.split("/"):
        raise ArtifactDamaged(path, "lies outside the job's own folder")
    return StoredFile(objects, path, key, row["size_bytes"], row["sha256"])
