"""Files a job may be trained on."""

from uuid import UUID

from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from services.job_api.files.repository import references
from services.job_api.jobs.errors import TrainingFileBlocked, UnknownTrainingFile


async def usable_file(tx: AsyncConnection, workspace_id: UUID, file_id: UUID, *, keep: bool = False) -> RowMapping:
    """A ready file of the workspace; with `keep` it cannot be deleted until the transaction ends.

    Raises UnknownTrainingFile, TrainingFileBlocked.
    """
    row = await references.for_training(tx, workspace_id, file_id, keep=keep)
    if row is None:
        raise UnknownTrainingFile(file_id)
    if row["status"] != references.READY:
        raise TrainingFileBlocked(row["name"], row["error_count"])
    return row
