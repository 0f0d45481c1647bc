"""Why there is nothing to download."""

from uuid import UUID

from contracts.job_status import JobStatus
from services.job_api.errors import DomainError


class NoAdapter(DomainError):
    """The job has delivered nothing (yet)."""

    def __init__(self, job_id: UUID, status: JobStatus) -> None:
        super().__init__(f"job {job_id} is {status.value}")
        self.job_id, self.status = job_id, status


class NoMetrics(DomainError):
    def __init__(self, job_id: UUID) -> None:
        super().__init__(f"job {job_id} has no metrics")
        self.job_id = job_id


class NoPyTorchWeights(DomainError):
    """The weights in PyTorch's own format were asked for, of a trainer that sent safetensors only."""

    def __init__(self, job_id: UUID) -> None:
        super().__init__(f"job {job_id} has no weights as .bin")
        self.job_id = job_id


class ArtifactDamaged(DomainError):
    """A stored file is not what the trainer uploaded: nothing is delivered."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path} {reason}")
        self.path, self.reason = path, reason
