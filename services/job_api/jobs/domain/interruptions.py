"""How often a job lost its machine."""

from typing import Any, Protocol

from contracts.job_status import JobStatus


class Row(Protocol):
    def __getitem__(self, name: str, /) -> Any: ...


def interruption_count(row: Row) -> int:
    """Of a job's row: the attempts that replaced another one, and the one that is still to come."""
    recovers: bool = row["status"] == JobStatus.RECOVERING.value
    waits_for_the_next: bool = row["interrupted_attempt"] >= row["attempt"]
    count: int = row["checkpoint_recovery_count"]
    return count + (recovers and waits_for_the_next)
