"""Training files as jobs see them."""

from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events import TrainingFileReference
from services.job_api.files.tables import training_files

READY, INVALID = "ready", "invalid"
SHOWN = (READY, INVALID)
# Between its row and its objects (services.job_api.files.repository.files): such a file is there for nobody.
STORING, DELETING = "storing", "deleting"


# Without `issues` and `report`: they can be long, and no job needs them.
_COLUMNS = tuple(column for column in training_files.c if column.name not in ("issues", "report"))
_FIND = select(*_COLUMNS).where(
    training_files.c.id == bindparam("b_file_id"), training_files.c.workspace_id == bindparam("b_workspace_id"),
    training_files.c.status.in_(SHOWN))
_KEEP = _FIND.with_for_update(read=True, key_share=True)


async def for_training(
    tx: AsyncConnection, workspace_id: UUID, file_id: UUID, *, keep: bool = False
) -> RowMapping | None:
    """What jobs need of the file's row; with `keep` it cannot be deleted until the transaction ends."""
    key = {"b_file_id": file_id, "b_workspace_id": workspace_id}
    return (await tx.execute(_KEEP if keep else _FIND, key)).mappings().one_or_none()


def reference(row: RowMapping) -> TrainingFileReference:
    """What the trainer and the estimate need of a ready file."""
    return TrainingFileReference(
        training_file_id=row["id"], bucket=row["bucket"], key=row["normalised_key"], sha256=row["normalised_sha256"],
        conversations=row["conversations"], trainable_turns=row["trainable_turns"], tokens=row["tokens"],
        trainable_tokens=row["trainable_tokens"], longest_conversation_tokens=row["longest_conversation_tokens"],
    )
