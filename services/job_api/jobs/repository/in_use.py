"""What jobs were given: labels and creators, as they stand in the newest jobs of a workspace."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from services.job_api.jobs.tables import training_jobs

# So that the question costs the same in a workspace with ten thousand jobs.
NEWEST = 2_000
_jobs = training_jobs.c


async def combinations(tx: AsyncConnection, workspace_id: UUID) -> Sequence[RowMapping]:
    """How many of the newest jobs (`jobs`) have the same tags, client, project and creator."""
    newest = select(_jobs.tags, _jobs.client, _jobs.project, _jobs.created_by).where(
        _jobs.workspace_id == workspace_id).order_by(_jobs.created_at.desc(), _jobs.id.desc()).limit(NEWEST).subquery()
    keys = (newest.c.tags, newest.c.client, newest.c.project, newest.c.created_by)
    return (await tx.execute(select(*keys, func.count().label("jobs")).group_by(*keys))).mappings().all()
