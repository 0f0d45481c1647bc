"""Who made a job: their name beside the id, their address, and the ids of who is called so."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.job_api.accounts.repository import WITH_USERS, is_member, name_beside
from services.job_api.accounts.tables import memberships, users
from services.job_api.jobs.tables import training_jobs

_jobs = training_jobs.c

# A column of a row of training_jobs.
CREATED_BY_NAME = name_beside(_jobs.created_by)


async def address_of(tx: AsyncConnection, workspace_id: UUID, job_id: UUID) -> str | None:
    """The e-mail address of the member who created this job."""
    creator = training_jobs.join(WITH_USERS, is_member(_jobs.workspace_id, _jobs.created_by))
    statement = select(users.c.email).select_from(creator)
    mine = statement.where(_jobs.workspace_id == workspace_id, _jobs.id == job_id)
    found: str | None = (await tx.execute(mine)).scalar_one_or_none()
    return found


async def called(tx: AsyncConnection, workspace_id: UUID, names: Sequence[str]) -> Sequence[str]:
    """Subjects of the members with one of these names or addresses, in upper or lower case."""
    wanted = [name.casefold() for name in names]
    statement = select(memberships.c.user_id).select_from(WITH_USERS).where(
        memberships.c.workspace_id == workspace_id,
        or_(func.lower(users.c.display_name).in_(wanted), func.lower(users.c.email).in_(wanted)))
    return [str(found) for found in (await tx.execute(statement)).scalars()]
