"""The workspace of the job that a pod speaks for: a pod's own word for it is not asked for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from cachetools import LRUCache

from chassis.database.engine import Database
from chassis.database.scope import every_workspace, one_workspace
from services.provisioner.adapters.repository import jobs

_REMEMBERED = 20_000


class JobWorkspaces:
    """Looked up once: a job never changes its workspace."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: LRUCache[UUID, UUID] = LRUCache(_REMEMBERED)

    @asynccontextmanager
    async def entered(self, job_id: UUID) -> AsyncIterator[None]:
        """A block that reaches the rows of the job's workspace; of none where the job is unknown."""
        workspace_id = self._known.get(job_id) or await self._look_up(job_id)
        if workspace_id is None:
            yield
            return
        with one_workspace(workspace_id):
            yield

    async def _look_up(self, job_id: UUID) -> UUID | None:
        with every_workspace():
            async with self._database.read() as tx:
                workspace_id = await jobs.workspace_of(tx, job_id)
        if workspace_id is not None:
            self._known[job_id] = workspace_id
        return workspace_id
