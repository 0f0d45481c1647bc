"""From uploaded bytes to the stored form, and from that to previews: read in processes of their own."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from contracts.training_file import ImportReport
from contracts.training_file.importer import MAX_RECORDS
from services.job_api.files import spool
from services.job_api.files.processes.messages import ImportDone, ImportOrder, PreviewDone, PreviewOrder
from services.job_api.files.processes.pool import PoolLimits, WorkerPool
from services.job_api.files.receive import Received

# A person waits for a preview: it has processes of its own, and does not stand in line behind 200 MB.
PREVIEW_LIMITS = PoolLimits(waiting=20, wait_s=15.0, time_s=30.0)


@dataclass(frozen=True)
class Imported:
    """`path` holds the stored form; `tokenizer` is the model whose tokenizer counted, None for an estimate."""

    report: ImportReport
    path: Path
    sha256: str
    tokenizer: str | None


@dataclass(frozen=True)
class Previews:
    """`path` holds a JSON list."""

    path: Path
    tokenizer: str | None


class FileReader:
    """Its methods raise domain errors, and stop their process at once when cancelled."""

    def __init__(self, base_model: str, imports: PoolLimits, previews: PoolLimits = PREVIEW_LIMITS) -> None:
        self.imports = WorkerPool(base_model, imports)
        self.previews = WorkerPool(base_model, previews)

    async def run(self) -> None:
        """Remove what a killed predecessor left; when cancelled, end the processes that stand ready."""
        await asyncio.to_thread(spool.sweep)
        try:
            await asyncio.Event().wait()
        finally:
            await self.imports.stop()
            await self.previews.stop()

    async def read(self, upload: Received, max_records: int = MAX_RECORDS) -> Imported:
        """Check an upload and write its stored form beside it."""
        target = upload.folder / "conversations.jsonl"
        done = await self.imports.work(
            ImportOrder(source=upload.path, target=target, file_name=upload.file_name, max_records=max_records))
        assert isinstance(done, ImportDone)
        return Imported(done.report, target, done.sha256, done.tokenizer)

    async def preview(self, lines: Path, max_length: int) -> Previews:
        """Conversations of the stored form as they will be trained, written beside `lines`."""
        target = lines.with_suffix(".preview")
        done = await self.previews.work(PreviewOrder(source=lines, target=target, max_length=max_length))
        assert isinstance(done, PreviewDone)
        return Previews(target, done.tokenizer)
