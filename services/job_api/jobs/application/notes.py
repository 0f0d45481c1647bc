"""A job's notes: every text is kept, and an edit of an older one than there is does not replace it."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.job_api.accounts import repository as accounts
from services.job_api.callers import Caller
from services.job_api.jobs.domain.job import Job
from services.job_api.jobs.errors import NotesConflict
from services.job_api.jobs.repository import notes
from services.job_api.jobs.repository.job_rows import Row


async def keep_first(tx: AsyncConnection, row: Row) -> None:
    """What a new job was created with."""
    if row["notes"]:
        await notes.add(tx, row["workspace_id"], row["id"], row["notes_revision"], row["notes"], row["created_by"])


async def revise(tx: AsyncConnection, caller: Caller, job: Job, text: str, based_on: int | None) -> dict[str, Any]:
    """The columns of a locked job whose notes become `text`, an edit of revision `based_on` (None: of any).

    Raises NotesConflict when somebody else has changed them since. The same text is no change.
    """
    if text == job.notes:
        return {}
    newest = await notes.newest(tx, caller.workspace_id, job.id)
    if based_on is not None and based_on != job.notes_revision:
        who = newest["edited_by"] if newest else None
        names = await accounts.names_of(tx, caller.workspace_id, {who or ""})
        raise NotesConflict(job.id, job.notes_revision, job.notes, text, who, names.get(who or ""))
    revision = newest["revision"] if newest else 0
    if job.notes != (newest["notes"] if newest else ""):
        # A release that keeps no history has written it.
        revision += 1
        await notes.add(tx, job.workspace_id, job.id, revision, job.notes, None)
    await notes.add(tx, job.workspace_id, job.id, revision + 1, text, caller.subject)
    return {"notes": text, "notes_revision": revision + 1}
