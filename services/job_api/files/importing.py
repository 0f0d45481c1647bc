"""From the uploaded bytes to the stored form: read once, in bounded memory."""

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from contracts.chat import Conversation, token_counter
from contracts.hyperparameters import Hyperparameters
from contracts.training_file import ImportReport, TrainingFileRefused, canonical_line, import_training_file
from contracts.training_file.importer import MAX_RECORDS
from services.job_api.files import problems
from services.job_api.files.receive import Received
from services.job_api.files.tokenizer import find_tokenizer

DEFAULT_CONTEXT: int = Hyperparameters.model_fields["max_seq_length"].default
# Imports are CPU work in this process: more at once would only slow each other and the API down.
IMPORTS_AT_ONCE = 2


@dataclass(frozen=True)
class Imported:
    """`path` holds the stored form; `tokenizer` is the model whose tokenizer counted, None for an estimate."""

    report: ImportReport
    path: Path
    sha256: str
    tokenizer: str | None


async def import_received(upload: Received, base_model: str, max_records: int = MAX_RECORDS) -> Imported:
    """Runs in a thread. Raises a problem document (413, 415, 422) for a file that is refused as a whole."""
    loop = asyncio.get_running_loop()
    try:
        return await loop.run_in_executor(_threads(), _import, upload, base_model, max_records)
    except TrainingFileRefused as refusal:
        raise problems.refused(refusal) from refusal


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(IMPORTS_AT_ONCE, thread_name_prefix="file-import")


def _import(upload: Received, base_model: str, max_records: int) -> Imported:
    found = find_tokenizer(base_model)
    writer = _Writer(upload.folder / "conversations.jsonl")
    with upload.path.open("rb") as source, writer:
        report = import_training_file(
            source,
            writer.add,
            file_name=upload.file_name,
            max_context=DEFAULT_CONTEXT,
            max_records=max_records,
            count_tokens=token_counter(found.tokenizer) if found else None,
        )
    return Imported(report, writer.path, writer.sha256, found.name if found else None)


class _Writer:
    """Writes conversations as they come and hashes them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._digest = hashlib.sha256()

    def __enter__(self) -> "_Writer":
        self._file = self.path.open("wb")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def add(self, conversation: Conversation) -> None:
        line = canonical_line(conversation)
        self._digest.update(line)
        self._file.write(line)
