"""What is refused about jobs."""

from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

from contracts.gpus import GpuType, PricingTier
from contracts.job_status import JobAction, JobStatus
from contracts.model_memory import Fit
from contracts.rpc.costs import ReserveReply
from services.job_api.errors import DomainError


class JobNotFound(DomainError):
    """Unknown, or of another workspace."""

    def __init__(self, job_id: UUID) -> None:
        super().__init__(f"no job {job_id}")
        self.job_id = job_id


class MoveRefused(DomainError):
    """The job's status does not allow this action."""

    def __init__(self, job_id: UUID, action: JobAction, status: JobStatus, allowed: Sequence[JobAction]) -> None:
        super().__init__(f"a {status.value} job does not allow {action.value}")
        self.job_id, self.action, self.status, self.allowed = job_id, action, status, allowed


class UnknownTrainingFile(DomainError):
    """A new job names a file that its workspace does not have."""

    def __init__(self, file_id: UUID) -> None:
        super().__init__(f"no training file {file_id}")
        self.file_id = file_id


class TrainingFileBlocked(DomainError):
    """The file has errors; nothing can be trained on it."""

    def __init__(self, name: str, errors: int) -> None:
        super().__init__(f"{name}: {errors} errors")
        self.name, self.errors = name, errors


class InvalidValues(DomainError):
    """Values inside a request at `place` that do not fit together; `errors` is pydantic's list."""

    def __init__(self, errors: list[Any], *place: str) -> None:
        super().__init__(f"{'.'.join(place)}: {len(errors)} errors")
        self.errors, self.place = errors, place


class NotesConflict(DomainError):
    """The notes were changed after the text that an edit (`yours`) began with; `edited_by` None: nobody knows."""

    def __init__(
        self, job_id: UUID, revision: int, current: str, yours: str, edited_by: str | None, name: str | None
    ) -> None:
        super().__init__(f"the notes of job {job_id} are at revision {revision}")
        self.job_id, self.revision, self.edited_by, self.edited_by_name = job_id, revision, edited_by, name
        self.current, self.yours = current, yours


class StartInProgress(DomainError):
    """Somebody else is starting the job just now."""

    def __init__(self, job_id: UUID) -> None:
        super().__init__(f"job {job_id} is being started")
        self.job_id = job_id


class StartOvertaken(DomainError):
    """This start took so long that it was given up."""

    def __init__(self, job_id: UUID) -> None:
        super().__init__(f"the start of job {job_id} was given up")
        self.job_id = job_id


class TierUnchanged(DomainError):
    """The job has this tier already."""

    def __init__(self, job_id: UUID, tier: PricingTier) -> None:
        super().__init__(f"job {job_id} is {tier.value} already")
        self.job_id, self.tier = job_id, tier


class ContinuationRefused(DomainError):
    """No job can go on from this one, or not like that; `why` is for a person."""

    def __init__(self, job_id: UUID, why: str) -> None:
        super().__init__(why)
        self.job_id, self.why = job_id, why


class TooManyStreams(DomainError):
    """As many event streams are open as there may be for one caller, one workspace or this server."""

    def __init__(self, whose: Literal["caller", "workspace", "server"], limit: int) -> None:
        super().__init__(f"{limit} event streams for each {whose}")
        self.whose, self.limit = whose, limit


class DoesNotFit(DomainError):
    """The run needs more memory than its machine has."""

    def __init__(self, gpu_type: GpuType, lora_rank: int, fit: Fit) -> None:
        super().__init__(f"{fit.need.total} bytes needed, {fit.available} available")
        self.gpu_type, self.lora_rank, self.fit = gpu_type, lora_rank, fit


class BudgetExceeded(DomainError):
    """The budget said no."""

    def __init__(self, job_id: UUID, reply: ReserveReply) -> None:
        super().__init__(f"the budget does not allow job {job_id}")
        self.job_id, self.reply = job_id, reply
