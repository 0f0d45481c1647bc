"""Identities, sign-ins under way and sessions."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.database.engine import Database
from chassis.database.scope import every_workspace
from contracts.identifiers import uuid7
from services.job_api.accounts.tables import memberships, users
from services.job_api.edge.auth import ApiKeyRecord, NewApiKey, Role
from services.job_api.signin.domain import Identity
from services.job_api.signin.tables import identities, sessions, sign_in_grants, sign_ins

# An ended session is kept so long for questions about it; the audit log keeps its own words.
_SESSIONS_KEPT = timedelta(days=30)


class SessionTable:
    """`services.job_api.edge.auth.ApiKeyLookup` over sessions. A session has the roles that its user has now.

    The token says which workspace it is, so it is looked up in all of them.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, prefix: str) -> ApiKeyRecord | None:
        statement = select(sessions, memberships.c.roles).join(
            memberships, (memberships.c.user_id == sessions.c.user_id)
            & (memberships.c.workspace_id == sessions.c.workspace_id)).where(sessions.c.prefix == prefix)
        with every_workspace():
            async with self._database.read() as tx:
                row = (await tx.execute(statement)).mappings().one_or_none()
        return _record(row) if row else None

    async def touch(self, prefix: str, used_at: datetime) -> None:
        with every_workspace():
            async with self._database.transaction() as tx:
                await tx.execute(update(sessions).where(sessions.c.prefix == prefix).values(last_used_at=used_at))


def _record(row: RowMapping) -> ApiKeyRecord:
    return ApiKeyRecord(
        prefix=row["prefix"], sha256=row["sha256"], subject=str(row["user_id"]), workspace_id=row["workspace_id"],
        roles=frozenset(Role(name) for name in row["roles"]), expires_at=row["expires_at"],
        revoked_at=row["revoked_at"], last_used_at=row["last_used_at"])


async def begin(tx: AsyncConnection, **values: Any) -> None:
    await tx.execute(insert(sign_ins).values(**values))


async def take(tx: AsyncConnection, state_sha256: bytes, now: datetime) -> RowMapping | None:
    """A sign-in under way, which is over with that: a state works once."""
    statement = delete(sign_ins).where(sign_ins.c.state_sha256 == state_sha256).returning(sign_ins)
    row = (await tx.execute(statement)).mappings().one_or_none()
    return row if row is not None and row["expires_at"] > now else None


async def grant(tx: AsyncConnection, **values: Any) -> None:
    await tx.execute(insert(sign_in_grants).values(**values))


async def take_grant(tx: AsyncConnection, code_sha256: bytes, now: datetime) -> RowMapping | None:
    """What a code stands for; a code works once, for whoever comes first."""
    statement = delete(sign_in_grants).where(sign_in_grants.c.code_sha256 == code_sha256).returning(sign_in_grants)
    row = (await tx.execute(statement)).mappings().one_or_none()
    return row if row is not None and row["expires_at"] > now else None


async def user_of(tx: AsyncConnection, issuer: str, subject: str) -> UUID | None:
    statement = select(identities.c.user_id).where(identities.c.issuer == issuer, identities.c.subject == subject)
    return (await tx.execute(statement)).scalar_one_or_none()


async def user_with(tx: AsyncConnection, email: str) -> UUID | None:
    return (await tx.execute(select(users.c.id).where(users.c.email == email))).scalar_one_or_none()


async def is_linked(tx: AsyncConnection, user_id: UUID, issuer: str) -> bool:
    """Whether the user is known to this issuer by some subject."""
    statement = select(identities.c.subject).where(identities.c.user_id == user_id, identities.c.issuer == issuer)
    return (await tx.execute(statement)).first() is not None


async def link(tx: AsyncConnection, identity: Identity, user_id: UUID) -> None:
    await tx.execute(insert(identities).values(issuer=identity.issuer, subject=identity.subject, user_id=user_id))


async def note_sign_in(tx: AsyncConnection, identity: Identity) -> None:
    mine = (identities.c.issuer == identity.issuer) & (identities.c.subject == identity.subject)
    await tx.execute(update(identities).where(mine).values(last_sign_in_at=func.now()))


async def workspaces_of(tx: AsyncConnection, user_id: UUID) -> Sequence[UUID]:
    """Where the user is a member, the oldest membership first."""
    statement = select(memberships.c.workspace_id).where(memberships.c.user_id == user_id)
    return (await tx.execute(statement.order_by(memberships.c.created_at))).scalars().all()


async def add_session(
    tx: AsyncConnection, *, workspace_id: UUID, user_id: UUID, key: NewApiKey, expires_at: datetime
) -> UUID:
    session_id = uuid7()
    await tx.execute(insert(sessions).values(
        id=session_id, workspace_id=workspace_id, user_id=user_id, prefix=key.prefix, sha256=key.sha256,
        expires_at=expires_at))
    return session_id


async def end_session(tx: AsyncConnection, prefix: str, at: datetime) -> UUID | None:
    statement = update(sessions).where(sessions.c.prefix == prefix).values(
        revoked_at=func.coalesce(sessions.c.revoked_at, at))
    return (await tx.execute(statement.returning(sessions.c.id))).scalar_one_or_none()


async def end_sessions_of(tx: AsyncConnection, workspace_id: UUID, user_id: UUID, at: datetime) -> None:
    mine = (sessions.c.workspace_id == workspace_id) & (sessions.c.user_id == user_id) & sessions.c.revoked_at.is_(None)
    await tx.execute(update(sessions).where(mine).values(revoked_at=at))


async def purge(tx: AsyncConnection, now: datetime) -> None:
    """What can never be used again."""
    for table in (sign_ins, sign_in_grants):
        await tx.execute(delete(table).where(table.c.expires_at < now))
    over = or_(sessions.c.expires_at < now - _SESSIONS_KEPT, sessions.c.revoked_at < now - _SESSIONS_KEPT)
    await tx.execute(delete(sessions).where(over))
