"""A new API key in the place of one that is in use: both work for a while, so that nobody stands without one."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from services.job_api.accounts import repository
from services.job_api.accounts.errors import ApiKeyNotFound, ApiKeyNotUsable
from services.job_api.callers import Caller
from services.job_api.edge.auth.api_keys import new_api_key


@dataclass(frozen=True)
class RotateApiKey:
    caller: Caller
    key_id: UUID
    keep_previous_for: timedelta


@dataclass(frozen=True)
class RotatedKey:
    """`ended` are the prefixes of keys whose time is over now or soon."""

    row: RowMapping
    secret: str
    ended: tuple[str, ...]


async def rotate_api_key(tx: AsyncConnection, command: RotateApiKey, now: datetime) -> RotatedKey:
    """The same name, roles, user and end as before. Never more than two of a line work: one that the rotated key had
    itself replaced ends now. Raises ApiKeyNotFound, ApiKeyNotUsable."""
    workspace_id = command.caller.workspace_id
    before = await repository.lock_api_key(tx, workspace_id, command.key_id)
    if before is None:
        raise ApiKeyNotFound(command.key_id)
    if before["revoked_at"] is not None or (before["expires_at"] is not None and before["expires_at"] <= now):
        raise ApiKeyNotUsable(command.key_id)
    key = new_api_key()
    key_id = await repository.add_api_key(
        tx, workspace_id=workspace_id, user_id=before["user_id"], key=key, name=before["name"], roles=before["roles"],
        created_by=command.caller.subject, expires_at=before["expires_at"], replaces=command.key_id)
    ended = await repository.end_api_key(tx, workspace_id, command.key_id, now + command.keep_previous_for)
    if before["replaces"] is not None:
        ended += await repository.end_api_key(tx, workspace_id, before["replaces"], now)
    return RotatedKey((await repository.list_api_keys(tx, workspace_id, key_id))[0], key.secret, ended)
