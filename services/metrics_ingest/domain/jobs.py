"""What is known of a job."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as a writer sees it."""

    job_no: int
    workspace_id: UUID
    version: int
    deleted: bool

    def refusal(self, workspace_id: UUID) -> str | None:
        """Why a report that names this workspace cannot be taken."""
        if self.workspace_id != workspace_id:
            return f"the report says workspace {workspace_id}, but its job belongs to another"
        return None


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as a reader sees it. `resumed` is attempt -> step it resumed from; `metrics` is name -> number."""

    job_id: UUID
    job_no: int
    version: int
    resumed: dict[int, int]
    metrics: dict[str, int]
