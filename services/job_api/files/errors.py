"""What is refused about training files."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from sqlalchemy.engine import RowMapping

from services.job_api.errors import DomainError


class TrainingFileNotFound(DomainError):
    """Unknown, or of another workspace."""

    def __init__(self, file_id: UUID) -> None:
        super().__init__(f"no training file {file_id}")
        self.file_id = file_id


class TrainingFileInUse(DomainError):
    """Jobs use it; `more`: more of them than `jobs` names."""

    def __init__(self, name: str, jobs: Sequence[RowMapping], *, more: bool) -> None:
        super().__init__(f"{name} is used by {len(jobs)} jobs")
        self.name, self.jobs, self.more = name, jobs, more


class NothingToPreview(DomainError):
    """The file has errors and will not be trained."""

    def __init__(self, file_id: UUID, errors: int) -> None:
        super().__init__(f"training file {file_id} has {errors} errors")
        self.file_id, self.errors = file_id, errors


class UploadTooSlow(DomainError):
    """The sweeper took the upload for an interrupted one before it was stored."""


class Refusal(Protocol):
    """Why the importer takes a file for none of its formats, or for more than it reads."""

    @property
    def status(self) -> int: ...
    @property
    def code(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def place(self) -> str: ...
    @property
    def suggested_fix(self) -> str: ...


class TrainingFileUnreadable(DomainError):
    """The file cannot be read as a whole."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class ReadingBusy(DomainError):
    """Others are being read, and too many wait already."""


class ReadingTooSlow(DomainError):
    def __init__(self, limit_s: float) -> None:
        super().__init__(f"more than {limit_s} seconds")
        self.limit_s = limit_s


class ReadingFailed(DomainError):
    """The process that read the file ended before it was done."""
