"""What is told, before it is known to whom."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Message:
    """`dedup_key` names the happening, not the event: one interruption is reported by pod and provisioner alike."""

    kind: str
    dedup_key: str
    workspace_id: UUID
    job_id: UUID | None
    title: str
    lines: tuple[str, ...]
    creator: str = ""

    def text(self) -> str:
        return "\n".join((self.title, "", *self.lines))
