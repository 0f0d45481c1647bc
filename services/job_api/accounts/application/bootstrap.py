"""The operator's workspace, its admin and an API key."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.identifiers import uuid7
from services.job_api.accounts import repository
from services.job_api.edge.auth.api_keys import new_api_key
from services.job_api.edge.auth.principal import Role

WORKSPACE, EMAIL, KEY_NAME = "Default workspace", "admin@localhost", "bootstrap"


async def make_operator_key(tx: AsyncConnection) -> dict[str, Any]:
    """A new key of the administrator; workspace and administrator are made when they are missing."""
    await repository.lock_bootstrap(tx)
    workspace_id, name = await _operator_workspace(tx)
    user_id = await repository.ensure_user(tx, EMAIL, "Administrator")
    await repository.add_roles(tx, workspace_id, user_id, [Role.ADMIN])
    key = new_api_key()
    await repository.add_api_key(tx, workspace_id=workspace_id, user_id=user_id, key=key, name=KEY_NAME,
                                 roles=[Role.ADMIN], created_by=str(user_id))
    return {"workspace_id": str(workspace_id), "workspace_name": name, "user_id": str(user_id), "email": EMAIL,
            "api_key": key.secret}


async def _operator_workspace(tx: AsyncConnection) -> tuple[UUID, str]:
    """Never one of a tenant, however few there are: its admins look after the whole installation."""
    found = await repository.operator_workspace(tx)
    if found is not None:
        return found["id"], found["name"]
    workspace_id = uuid7()
    await repository.add_operator_workspace(tx, workspace_id, WORKSPACE)
    return workspace_id, WORKSPACE
