"""The append-only log of each job."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Text, cast, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.observability.propagation import current_traceparent, trace_id_of
from contracts.envelope import Event
from contracts.events import PodInterrupted, TrainingFailed
from services.job_api.jobs.domain.event_text import describe, payload, short_type
from services.job_api.jobs.tables import job_events, training_jobs


@dataclass(frozen=True)
class EventFilter:
    types: Sequence[str] = ()
    levels: Sequence[str] = ()
    text: str = ""


_INTERRUPTED, _FAILED = PodInterrupted.subject_prefix(), TrainingFailed.subject_prefix()
_APPEND = insert(job_events).on_conflict_do_nothing(index_elements=["event_id"])
_SNAPSHOT = (
    "job_id", "event_id", "type", "source", "level", "message", "attempt", "payload", "occurred_at", "received_at",
)


async def append(tx: AsyncConnection, event: Event[Any], seq: int) -> bool:
    """Write the event as number `seq` of its job; the job's row must be locked. False: it is there already."""
    return (await tx.execute(_APPEND, entry(event) | {"seq": seq})).rowcount == 1


async def tells_of_interruption(tx: AsyncConnection, job_id: UUID, attempt: int) -> bool:
    """Whether the log has the end of this attempt's machine already, whoever told it."""
    columns = job_events.c
    same = (columns.job_id == job_id) & (columns.type == _INTERRUPTED) & (columns.attempt == attempt)
    return (await tx.execute(select(columns.seq).where(same).limit(1))).first() is not None


async def machine_lost_at(tx: AsyncConnection, job_id: UUID, attempt: int) -> datetime | None:
    """When this attempt ended early; None when it did not."""
    columns = job_events.c
    same = (columns.job_id == job_id) & columns.type.in_((_INTERRUPTED, _FAILED)) & (columns.attempt == attempt)
    lost_at: datetime | None = (await tx.execute(select(func.min(columns.occurred_at)).where(same))).scalar()
    return lost_at


async def append_snapshot(tx: AsyncConnection, snapshot: RowMapping, seq: int) -> bool:
    """Write a stored snapshot as number `seq` of its job, as it was said."""
    workspace = select(training_jobs.c.workspace_id).where(training_jobs.c.id == snapshot["job_id"])
    row = {name: snapshot[name] for name in _SNAPSHOT}
    statement = _APPEND.values(**row, seq=seq, workspace_id=workspace.scalar_subquery())
    return (await tx.execute(statement)).rowcount == 1


def entry(event: Event[Any]) -> dict[str, Any]:
    """What the log keeps of an event."""
    line = describe(event.data)
    return {
        "job_id": event.data.job_id, "workspace_id": event.data.workspace_id, "event_id": event.id,
        "type": short_type(event.data), "source": event.source, "level": line.level, "message": line.message,
        "attempt": getattr(event.data, "attempt", None), "payload": payload(event.data), "occurred_at": event.time,
        "trace_id": trace_id_of(event.traceparent or current_traceparent()),
    }


async def page(
    tx: AsyncConnection, job_id: UUID, criteria: EventFilter, *, limit: int, after: int | None = None,
    descending: bool = False,
) -> Sequence[RowMapping]:
    """Events beyond number `after` in reading direction."""
    columns = job_events.c
    statement = select(job_events).where(columns.job_id == job_id)
    if criteria.types:
        statement = statement.where(columns.type.in_(criteria.types))
    if criteria.levels:
        statement = statement.where(columns.level.in_(criteria.levels))
    if criteria.text:
        statement = statement.where(or_(
            columns.message.icontains(criteria.text, autoescape=True),
            columns.type.icontains(criteria.text, autoescape=True),
            cast(columns.payload, Text).icontains(criteria.text, autoescape=True)))
    if after is not None:
        statement = statement.where(columns.seq < after if descending else columns.seq > after)
    ordered = statement.order_by(columns.seq.desc() if descending else columns.seq).limit(limit)
    return (await tx.execute(ordered)).mappings().all()


async def of_types(tx: AsyncConnection, job_id: UUID, types: Sequence[str], most: int = 20_000) -> Sequence[RowMapping]:
    """All entries of these types that belong to an attempt, oldest first."""
    columns = job_events.c
    wanted = (columns.job_id == job_id) & columns.type.in_(types) & columns.attempt.is_not(None)
    statement = select(columns.type, columns.attempt, columns.occurred_at, columns.payload).where(wanted)
    return (await tx.execute(statement.order_by(columns.seq).limit(most))).mappings().all()
