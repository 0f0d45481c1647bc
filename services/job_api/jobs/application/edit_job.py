"""Change what a job is called."""

from typing import Any
from uuid import UUID

from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from services.job_api.callers import Caller
from services.job_api.jobs.application.locking import locked
from services.job_api.jobs.domain.search import search_text
from services.job_api.jobs.repository import jobs


async def edit_job(tx: AsyncConnection, caller: Caller, job_id: UUID, given: dict[str, Any]) -> RowMapping:
    """Change name, description, notes or tags, at any time. Raises JobNotFound."""
    job = await locked(tx, caller.workspace_id, job_id)
    name, notes = given.get("name", job.name), given.get("notes", job.notes)
    found_by = search_text(name, notes, given.get("tags", job.tags))
    return await jobs.save_and_view(tx, job_id, given | {"search_text": found_by})
