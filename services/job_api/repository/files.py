"""Training files as jobs see them."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events import TrainingFileReference
from services.job_api.tables import training_files

READY, INVALID = "ready", "invalid"
SHOWN = (READY, INVALID)
# Between its row and its objects (services.job_api.files.repository): such a file is there for nobody.
STORING, DELETING = "storing", "deleting"


async def for_training(
    tx: AsyncConnection, workspace_id: UUID, file_id: UUID, *, keep: bool = False
) -> RowMapping | None:
    """The file's row; with `keep` it cannot be deleted until the transaction ends."""
    statement = select(training_files).where(
        training_files.c.id == file_id, training_files.c.workspace_id == workspace_id,
        training_files.c.status.in_(SHOWN))
    if keep:
        statement = statement.with_for_update(read=True, key_share=True)
    return (await tx.execute(statement)).mappings().one_or_none()


def reference(row: RowMapping) -> TrainingFileReference:
    """What the trainer and the estimate need of a ready file."""
    return TrainingFileReference(
        training_file_id=row["id"], bucket=row["bucket"], key=row["normalised_key"], sha256=row["normalised_sha256"],
        conversations=row["conversations"], trainable_turns=row["trainable_turns"], tokens=row["tokens"],
        trainable_tokens=row["trainable_tokens"], longest_conversation_tokens=row["longest_conversation_tokens"],
    )
