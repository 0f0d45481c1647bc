"""Change what a job is called and what is noted about it."""

from typing import Any
from uuid import UUID

from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from services.job_api.callers import Caller
from services.job_api.jobs.application.locking import locked
from services.job_api.jobs.application.notes import revise
from services.job_api.jobs.domain.search import search_text
from services.job_api.jobs.repository import jobs


async def edit_job(
    tx: AsyncConnection, caller: Caller, job_id: UUID, given: dict[str, Any], *, notes_based_on: int | None = None
) -> RowMapping:
    """Change name, description, notes, tags, client or project, at any time. Raises JobNotFound, NotesConflict."""
    job = await locked(tx, caller.workspace_id, job_id)
    columns = {name: value for name, value in given.items() if name != "notes"}
    if "notes" in given:
        columns |= await revise(tx, caller, job, given["notes"], notes_based_on)
    name, notes = given.get("name", job.name), given.get("notes", job.notes)
    found_by = search_text(name, notes, given.get("tags", job.tags))
    return await jobs.save_and_view(tx, job_id, columns | {"search_text": found_by})
