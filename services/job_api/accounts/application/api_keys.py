"""API keys of a workspace: made once, shown once, revoked for good."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from services.job_api.accounts import repository
from services.job_api.accounts.errors import AlreadyExpired, ApiKeyNotFound, KeyWithoutUser
from services.job_api.callers import Caller
from services.job_api.edge.auth.api_keys import new_api_key


@dataclass(frozen=True)
class IssueApiKey:
    """`email`: whose key it is; None: the caller's own."""

    caller: Caller
    name: str
    roles: Sequence[str]
    email: str | None = None
    expires_at: datetime | None = None


async def issue_api_key(tx: AsyncConnection, command: IssueApiKey, now: datetime) -> tuple[RowMapping, str]:
    """The key as lists show it, and its secret, which is stored nowhere. Raises AlreadyExpired, KeyWithoutUser."""
    if command.expires_at is not None and command.expires_at <= now:
        raise AlreadyExpired
    key, workspace_id = new_api_key(), command.caller.workspace_id
    user_id = await _owner(tx, command)
    await repository.add_roles(tx, workspace_id, user_id, command.roles)
    key_id = await repository.add_api_key(
        tx, workspace_id=workspace_id, user_id=user_id, key=key, name=command.name, roles=command.roles,
        created_by=command.caller.subject, expires_at=command.expires_at)
    return (await repository.list_api_keys(tx, workspace_id, key_id))[0], key.secret


async def revoke_api_key(tx: AsyncConnection, caller: Caller, key_id: UUID, now: datetime) -> RowMapping:
    """Raises ApiKeyNotFound."""
    if not await repository.revoke_api_key(tx, caller.workspace_id, key_id, now):
        raise ApiKeyNotFound(key_id)
    return (await repository.list_api_keys(tx, caller.workspace_id, key_id))[0]


async def _owner(tx: AsyncConnection, command: IssueApiKey) -> UUID:
    if command.email is not None:
        return await repository.ensure_user(tx, command.email)
    if (user_id := await repository.user_id_of(tx, command.caller.subject)) is not None:
        return user_id
    raise KeyWithoutUser
