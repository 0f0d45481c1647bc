"""The workspace that runs this installation: the oldest one, made by `services.job_api.bootstrap`.

Some things belong to no single workspace (GPU rates, messages that cannot be read); its admins look after them.
"""

from uuid import UUID

from chassis.database.engine import Database
from services.job_api.accounts import repository
from services.job_api.accounts.errors import OperatorOnly


async def is_operator(database: Database, workspace_id: UUID) -> bool:
    async with database.read() as tx:
        first = await repository.first_workspace(tx)
    return first is not None and first["id"] == workspace_id


async def require_operator(database: Database, workspace_id: UUID) -> None:
    """Raises OperatorOnly."""
    if not await is_operator(database, workspace_id):
        raise OperatorOnly
