"""Entries of the audit log: added, and read by pages, the newest first."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.database.engine import Database
from chassis.database.scope import every_workspace
from contracts.identifiers import uuid7
from services.job_api.audit.domain import AuditEntry, Outcome
from services.job_api.audit.tables import audit_entries
from services.job_api.keyset import Cursor, decode

_ORDER = "-id"
_c = audit_entries.c
_BY_OUTCOME: dict[Outcome, ColumnElement[bool]] = {
    Outcome.SUCCEEDED: _c.status < 400,
    Outcome.DENIED: _c.status.in_((401, 403)),
    Outcome.REFUSED: and_(_c.status >= 400, _c.status < 500, _c.status.not_in((401, 403))),
    Outcome.FAILED: _c.status >= 500,
}


@dataclass(frozen=True)
class AuditFilter:
    """`workspace_id` None: the whole installation. Lists mean any of them."""

    workspace_id: UUID | None
    operations: Sequence[str] = ()
    outcomes: Sequence[Outcome] = ()
    actor: str = ""
    credential: str = ""
    target_kind: str = ""
    target_id: str = ""
    address: str = ""
    at_or_after: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True)
class AuditPage:
    rows: Sequence[RowMapping]
    next_cursor: str | None


async def add(tx: AsyncConnection, entry: AuditEntry) -> None:
    actor, origin = entry.actor, entry.origin
    await tx.execute(insert(audit_entries).values(
        id=uuid7(), workspace_id=actor.workspace_id, actor_kind=actor.kind.value, actor=actor.subject,
        credential=actor.credential, operation=entry.operation, target_kind=entry.target_kind,
        target_id=entry.target_id, status=entry.status, code=entry.code, address=origin.address,
        user_agent=origin.user_agent, trace_id=origin.trace_id))


async def read_page(
    database: Database, criteria: AuditFilter, *, limit: int, after: str | None = None
) -> AuditPage:
    """As `page`. The whole installation's entries lie before the wall between workspaces: it is for operators only, who
    are known as such by now. Raises InvalidCursor."""
    with every_workspace() if criteria.workspace_id is None else nullcontext():
        async with database.read() as tx:
            return await page(tx, criteria, limit=limit, after=after)


async def page(tx: AsyncConnection, criteria: AuditFilter, *, limit: int, after: str | None = None) -> AuditPage:
    """At most `limit` entries after the cursor. Raises InvalidCursor."""
    statement = _matching(criteria).order_by(_c.id.desc()).limit(limit + 1)
    if after:
        statement = statement.where(_c.id < decode(after, _ORDER).id)
    rows = (await tx.execute(statement)).mappings().all()
    more = Cursor(_ORDER, 0, rows[limit - 1]["id"]).encode() if len(rows) > limit else None
    return AuditPage(rows[:limit], more)


def _matching(criteria: AuditFilter) -> Select[Any]:
    same = {"actor": criteria.actor, "credential": criteria.credential, "target_kind": criteria.target_kind,
            "target_id": criteria.target_id, "address": criteria.address}
    conditions = [_c[name] == value for name, value in same.items() if value]
    if criteria.workspace_id is not None:
        conditions.append(_c.workspace_id == criteria.workspace_id)
    if criteria.operations:
        conditions.append(_c.operation.in_(criteria.operations))
    if criteria.outcomes:
        conditions.append(or_(*(_BY_OUTCOME[outcome] for outcome in criteria.outcomes)))
    if criteria.at_or_after:
        conditions.append(_c.at >= criteria.at_or_after)
    if criteria.before:
        conditions.append(_c.at < criteria.before)
    return select(audit_entries).where(*conditions)
