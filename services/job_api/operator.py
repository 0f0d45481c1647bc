"""The workspace that runs this installation: the oldest one, made by `services.job_api.bootstrap`.

Some things belong to no single workspace (GPU rates, messages that cannot be read); its admins look after them.
"""

from chassis.database.engine import Database
from chassis.problems import Forbidden
from services.job_api.edge.auth import Principal
from services.job_api.repository import accounts


async def is_operator(database: Database, principal: Principal) -> bool:
    async with database.read() as tx:
        first = await accounts.first_workspace(tx)
    return first is not None and first["id"] == principal.workspace_id


async def require(database: Database, principal: Principal) -> None:
    """Raises Forbidden."""
    if not await is_operator(database, principal):
        raise Forbidden("Only an admin of the workspace that runs this installation may do this.",
                        suggested_fix="Ask whoever runs the server.")
