"""A checkpoint counts once its manifest has been written; that is when this is said."""

from datetime import datetime
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from contracts.envelope import AttemptEventData, JobEventData


class CheckpointFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    path: str
    key: str
    size_bytes: int = Field(ge=0)
    sha256: str


class JoinedFile(BaseModel):
    """A file that lies in the storage in parts: their names among the manifest's `files`, in order. `sha256` and
    `size_bytes` are those of the whole."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    path: str
    parts: tuple[str, ...] = Field(min_length=1)
    size_bytes: int = Field(ge=0)
    sha256: str


class CheckpointManifest(BaseModel):
    """Written last as `manifest.json`: a checkpoint without it does not exist. `files` are all its objects."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    job_id: str
    attempt: int = Field(ge=1)
    step: int = Field(ge=0)
    files: tuple[CheckpointFile, ...]
    joined: tuple[JoinedFile, ...] = ()
    saved_at: datetime


class CheckpointSaved(AttemptEventData):
    """A checkpoint is complete: its manifest was written."""

    entity: ClassVar[str] = "checkpoint"
    event: ClassVar[str] = "saved"

    step: int = Field(ge=0)
    bucket: str
    prefix: str
    manifest_key: str
    manifest_sha256: str
    files: tuple[CheckpointFile, ...]
    size_bytes: int = Field(ge=0)
    saved_at: datetime


class CheckpointExpired(JobEventData):
    """The checkpoints of an ended job are deleted: nothing can go on from them any more."""

    entity: ClassVar[str] = "checkpoint"
    event: ClassVar[str] = "expired"

    expired_at: datetime
