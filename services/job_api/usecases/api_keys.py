"""API keys of a workspace: made once, shown once, revoked for good."""

from typing import Any
from uuid import UUID

from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import Clock
from chassis.database.engine import Database
from chassis.problems import Invalid, NotFound
from services.job_api.edge.auth import new_api_key
from services.job_api.edge.idempotency import Once
from services.job_api.presenters import plain
from services.job_api.repository import accounts
from services.job_api.schemas.administration import CreateApiKey
from services.job_api.usecases.requests import Caller


def view(row: RowMapping) -> dict[str, Any]:
    # the driver's column names are a kind of string that orjson does not take for a key
    return plain({"object": "api_key"} | {str(name): value for name, value in row.items()})


async def create(database: Database, clock: Clock, caller: Caller, body: CreateApiKey, once: Once) -> dict[str, Any]:
    """The key with its secret. A replayed answer lacks the secret: it is stored nowhere."""
    if body.expires_at is not None and body.expires_at <= clock.now():
        raise Invalid("expires_at lies in the past.", errors=[{
            "field": "expires_at", "message": "lies in the past", "suggested_fix": "Send a time in the future."}])
    key, roles = new_api_key(), [role.value for role in body.roles]
    async with database.transaction() as tx:
        user_id = await _owner(tx, caller, body)
        await accounts.add_roles(tx, caller.workspace_id, user_id, roles)
        key_id = await accounts.add_api_key(
            tx, workspace_id=caller.workspace_id, user_id=user_id, key=key, name=body.name, roles=roles,
            created_by=caller.subject, expires_at=body.expires_at)
        document = view((await accounts.list_api_keys(tx, caller.workspace_id, key_id))[0])
        await once.store(tx, 201, document | {"key": None})
    return document | {"key": key.secret}


async def revoke(database: Database, clock: Clock, caller: Caller, key_id: UUID) -> dict[str, Any]:
    async with database.transaction() as tx:
        if not await accounts.revoke_api_key(tx, caller.workspace_id, key_id, clock.now()):
            raise NotFound(f"There is no API key {key_id} in your workspace.", code="api_key_not_found")
        return view((await accounts.list_api_keys(tx, caller.workspace_id, key_id))[0])


async def _owner(tx: AsyncConnection, caller: Caller, body: CreateApiKey) -> UUID:
    if body.email is not None:
        return await accounts.ensure_user(tx, body.email)
    if (user_id := await accounts.user_id_of(tx, caller.subject)) is not None:
        return user_id
    raise Invalid("Say whose key it is: your token's subject is no user here.", errors=[{
        "field": "email", "message": "is missing", "suggested_fix": "Add the e-mail address of the key's user."}])
