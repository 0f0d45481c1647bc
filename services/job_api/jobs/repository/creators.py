"""Who made a job: their name beside the id, and the ids of who is called so."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, case, cast, func, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.job_api.accounts.tables import memberships, users
from services.job_api.jobs.tables import training_jobs

_jobs = training_jobs.c
# Subjects of other issuers are no ids of ours; a cast of one would fail.
_LOOKS_LIKE_OURS: Any = literal_column("'^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'")
_USER_ID: Any = case((_jobs.created_by.op("~")(_LOOKS_LIKE_OURS), cast(_jobs.created_by, Uuid)))
_NAME = func.coalesce(func.nullif(users.c.display_name, ""), users.c.email)
_MEMBERS = memberships.join(users, users.c.id == memberships.c.user_id)

# Of whoever is a member now; null where nobody is. A column of a row of training_jobs.
CREATED_BY_NAME = select(_NAME).select_from(_MEMBERS).where(
    memberships.c.workspace_id == _jobs.workspace_id, memberships.c.user_id == _USER_ID,
).correlate(training_jobs).scalar_subquery().label("created_by_name")


async def called(tx: AsyncConnection, workspace_id: UUID, names: Sequence[str]) -> Sequence[str]:
    """Subjects of the members with one of these names or addresses, in upper or lower case."""
    wanted = [name.casefold() for name in names]
    statement = select(memberships.c.user_id).select_from(_MEMBERS).where(
        memberships.c.workspace_id == workspace_id,
        or_(func.lower(users.c.display_name).in_(wanted), func.lower(users.c.email).in_(wanted)))
    return [str(found) for found in (await tx.execute(statement)).scalars()]
