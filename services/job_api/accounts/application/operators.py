"""Whoever runs the installation. Some things belong to no single workspace: GPU rates, messages that cannot be read.

Admins of the workspaces that the setting names, and of the one that bootstrap made. Being the first workspace, or the
only one, gives nobody these rights.
"""

from dataclasses import dataclass
from uuid import UUID

from chassis.database.engine import Database
from services.job_api.accounts import repository
from services.job_api.accounts.errors import OperatorOnly


@dataclass(frozen=True)
class Operators:
    database: Database
    workspace_ids: frozenset[UUID] = frozenset()

    async def include(self, workspace_id: UUID) -> bool:
        if workspace_id in self.workspace_ids:
            return True
        async with self.database.read() as tx:
            return await repository.is_operator(tx, workspace_id)

    async def require(self, workspace_id: UUID) -> None:
        """Raises OperatorOnly."""
        if not await self.include(workspace_id):
            raise OperatorOnly
