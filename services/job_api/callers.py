"""Who asks, in which workspace."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Caller:
    subject: str
    workspace_id: UUID
