"""Sessions: an opaque token that is shown once and stored as a hash, until it expires or is signed out of."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import Clock
from chassis.database.engine import Database
from chassis.database.scope import every_workspace
from services.job_api.edge.auth.api_keys import SESSION_START, new_api_key
from services.job_api.signin import repository
from services.job_api.signin.domain import answers, digest
from services.job_api.signin.errors import GrantRefused, NotASession


@dataclass(frozen=True)
class NewSession:
    id: UUID
    token: str
    prefix: str
    user_id: UUID
    workspace_id: UUID
    expires_at: datetime


@dataclass(frozen=True)
class Grant:
    workspace_id: UUID
    user_id: UUID


async def redeem(database: Database, code: str, verifier: str, now: datetime) -> Grant:
    """What a code stands for; it is used up even when the verifier is wrong. Raises GrantRefused."""
    with every_workspace():
        async with database.transaction() as tx:
            row = await repository.take_grant(tx, digest(code), now)
    if row is None or not answers(verifier, row["challenge"]):
        raise GrantRefused
    return Grant(row["workspace_id"], row["user_id"])


async def open_session(tx: AsyncConnection, grant: Grant, now: datetime, life: timedelta) -> NewSession:
    key, expires_at = new_api_key(SESSION_START), now + life
    session_id = await repository.add_session(
        tx, workspace_id=grant.workspace_id, user_id=grant.user_id, key=key, expires_at=expires_at)
    return NewSession(session_id, key.secret, key.prefix, grant.user_id, grant.workspace_id, expires_at)


async def close_session(tx: AsyncConnection, prefix: str, now: datetime) -> UUID:
    """Raises NotASession."""
    session_id = await repository.end_session(tx, prefix, now)
    if session_id is None:
        raise NotASession
    return session_id


async def purge_sign_ins(database: Database, clock: Clock) -> None:
    """Forget what can never be used again."""
    with every_workspace():
        async with database.transaction() as tx:
            await repository.purge(tx, clock.now())
