"""The job a webhook is about, and the secrets it may be signed with."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from services.job_api.jobs.tables import training_jobs
from services.job_api.webhook.domain import Subject
from services.job_api.webhook.tables import webhook_secrets

_SHOWN = (
    webhook_secrets.c.workspace_id, webhook_secrets.c.created_by, webhook_secrets.c.created_at,
    webhook_secrets.c.previous_valid_until,
)


async def subject_of(tx: AsyncConnection, job_id: UUID) -> Subject | None:
    """In whatever workspace it is: who may speak for it is told by the signature."""
    columns = training_jobs.c
    statement = select(columns.workspace_id, columns.attempt, columns.runpod_job_id).where(columns.id == job_id)
    row = (await tx.execute(statement)).one_or_none()
    if row is None:
        return None
    pod_name = row.runpod_job_id or f"job-{job_id}-a{max(1, row.attempt)}"
    return Subject(job_id, row.workspace_id, row.attempt, pod_name)


async def secrets_of(tx: AsyncConnection, workspace_id: UUID) -> Sequence[str]:
    """Those that are valid now, the newest first."""
    row = (await tx.execute(select(
        webhook_secrets.c.secret, webhook_secrets.c.previous_secret,
        (webhook_secrets.c.previous_valid_until > func.now()).label("both"),
    ).where(webhook_secrets.c.workspace_id == workspace_id))).one_or_none()
    if row is None:
        return ()
    return (row.secret, row.previous_secret) if row.both else (row.secret,)


async def any_secret(tx: AsyncConnection) -> bool:
    return bool((await tx.execute(select(select(webhook_secrets.c.workspace_id).exists()))).scalar_one())


async def shown(tx: AsyncConnection, workspace_id: UUID) -> RowMapping | None:
    """Without what would let anybody use it."""
    statement = select(*_SHOWN).where(webhook_secrets.c.workspace_id == workspace_id)
    return (await tx.execute(statement)).mappings().one_or_none()


async def replace(
    tx: AsyncConnection, workspace_id: UUID, secret: str, by: str, *, keep_previous_for: timedelta
) -> RowMapping:
    """The new one as `shown` has it."""
    until: datetime | None = func.now() + keep_previous_for if keep_previous_for else None  # type: ignore[assignment]
    previous = webhook_secrets.c.secret if keep_previous_for else None
    statement = insert(webhook_secrets).values(workspace_id=workspace_id, secret=secret, created_by=by)
    replacing = statement.on_conflict_do_update(index_elements=["workspace_id"], set_={
        "secret": secret, "created_by": by, "created_at": func.now(), "previous_secret": previous,
        "previous_valid_until": until})
    return (await tx.execute(replacing.returning(*_SHOWN))).mappings().one()


async def remove(tx: AsyncConnection, workspace_id: UUID) -> bool:
    statement = delete(webhook_secrets).where(webhook_secrets.c.workspace_id == workspace_id)
    return (await tx.execute(statement)).rowcount == 1
