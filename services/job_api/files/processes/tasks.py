"""What a worker process does: check an upload, show conversations as they will be trained."""

import hashlib
from pathlib import Path

import orjson

from contracts.chat import Conversation, token_counter
from contracts.training_file import canonical_line, import_training_file, read_canonical
from services.job_api.files.preview import preview
from services.job_api.files.processes.messages import (
    DEFAULT_CONTEXT,
    ImportDone,
    ImportOrder,
    PreviewDone,
    PreviewOrder,
)
from services.job_api.files.tokenizer import find_tokenizer


def import_file(order: ImportOrder, base_model: str) -> ImportDone:
    """Raises TrainingFileRefused. Memory stays bounded: conversations are written as they come."""
    found, writer = find_tokenizer(base_model), _Writer(order.target)
    with order.source.open("rb") as source, writer:
        report = import_training_file(
            source,
            writer.add,
            file_name=order.file_name,
            max_context=DEFAULT_CONTEXT,
            max_records=order.max_records,
            count_tokens=token_counter(found.tokenizer) if found else None,
        )
    return ImportDone(
        report=report, sha256=writer.sha256, tokenizer=found.name if found else None, peak_memory_mb=0)


def preview_file(order: PreviewOrder, base_model: str) -> PreviewDone:
    found = find_tokenizer(base_model)
    with order.source.open("rb") as lines, order.target.open("wb") as target:
        for number, conversation in enumerate(read_canonical(lines)):
            target.write(b"," if number else b"[")
            target.write(orjson.dumps(preview(conversation, found, order.max_length)))
        target.write(b"]" if target.tell() else b"[]")
    return PreviewDone(tokenizer=found.name if found else None, peak_memory_mb=0)


class _Writer:
    """Writes conversations as they come and hashes them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._digest = hashlib.sha256()

    def __enter__(self) -> "_Writer":
        self._file = self._path.open("wb")
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
