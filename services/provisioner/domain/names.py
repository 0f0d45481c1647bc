"""Deterministic pod names: a repeated create finds what exists."""

import re
from uuid import UUID

_NAME = re.compile(r"^job-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-a([1-9][0-9]*)\Z")


def pod_name(job_id: UUID, attempt: int) -> str:
    return f"job-{job_id}-a{attempt}"


def parse_pod_name(name: str) -> tuple[UUID, int] | None:
    """(job id, attempt) of a name of ours, None for any other."""
    match = _NAME.match(name)
    return (UUID(match[1]), int(match[2])) if match else None
