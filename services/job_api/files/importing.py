"""From the uploaded bytes to the stored form, in processes of their own: the API stays quick meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from contracts.training_file import ImportReport
from contracts.training_file.importer import MAX_RECORDS
from services.job_api.files import problems, spool
from services.job_api.files.import_messages import Done, Order, Refused
from services.job_api.files.import_worker import ImportWorker, WorkerEnded
from services.job_api.files.receive import Received

# A process that grew for a large file is not kept for the next one.
_KEPT_BELOW_MB = 256
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Imported:
    """`path` holds the stored form; `tokenizer` is the model whose tokenizer counted, None for an estimate."""

    report: ImportReport
    path: Path
    sha256: str
    tokenizer: str | None


@dataclass(frozen=True)
class ImportLimits:
    """At most `at_once` files are read at a time; `waiting` more wait, at most `wait_s`."""

    at_once: int = 2
    waiting: int = 8
    wait_s: float = 60.0
    time_s: float = 240.0
    memory_mb: int = 2048


class Importer:
    """Reads uploads in worker processes. One process stays ready while `run` runs."""

    def __init__(self, base_model: str, limits: ImportLimits) -> None:
        self._base_model, self._limits = base_model, limits
        self._turns = asyncio.Semaphore(limits.at_once)
        self._waiting = 0
        self._ready: list[ImportWorker] = []

    async def run(self) -> None:
        """Remove what a killed predecessor left, then keep a process ready until cancelled."""
        await asyncio.to_thread(spool.sweep)
        try:
            self._ready.append(await self._start())
            await asyncio.Event().wait()
        finally:
            for worker in self._ready:
                await worker.kill()
            self._ready.clear()

    def refuse_if_full(self) -> None:
        """Raises `imports_busy` (503) when too many uploads wait already: best asked before a body is read."""
        if self._turns.locked() and self._waiting >= self._limits.waiting:
            raise problems.imports_busy()

    async def read(self, upload: Received, max_records: int = MAX_RECORDS) -> Imported:
        """Check an upload and write its stored form beside it. Stops at once when cancelled.

        Raises problem documents: 413, 415 and 422 for a file that is refused as a whole, 503 when it is not its turn
        in time, takes too long, or its process dies.
        """
        order = Order(source=upload.path, target=upload.folder / "conversations.jsonl", file_name=upload.file_name,
                      max_records=max_records)
        async with self._turn(), self._worker() as worker:
            answer = await self._ask(worker, order)
        if isinstance(answer, Refused):
            raise problems.refused(answer)
        return Imported(answer.report, order.target, answer.sha256, answer.tokenizer)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        self.refuse_if_full()
        self._waiting += 1
        try:
            async with asyncio.timeout(self._limits.wait_s):
                await self._turns.acquire()
        except TimeoutError:
            raise problems.imports_busy() from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turns.release()

    @asynccontextmanager
    async def _worker(self) -> AsyncIterator[ImportWorker]:
        """A process that is kept for the next file only when this one ended well and left it small."""
        alive = [worker for worker in self._ready if worker.alive]
        worker = alive[0] if alive else await self._start()
        self._ready = alive[1:]
        try:
            yield worker
        except BaseException:
            await worker.kill()
            raise
        if self._ready or worker.peak_memory_mb > _KEPT_BELOW_MB:
            await worker.kill()
        else:
            self._ready.append(worker)

    async def _start(self) -> ImportWorker:
        return await ImportWorker.start(self._base_model, self._limits.memory_mb)

    async def _ask(self, worker: ImportWorker, order: Order) -> Done | Refused:
        try:
            async with asyncio.timeout(self._limits.time_s):
                return await worker.ask(order)
        except TimeoutError:
            raise problems.import_too_slow(self._limits.time_s) from None
        except WorkerEnded as error:
            log.error("import_process_ended", file_name=order.file_name, status=error.status)
            raise problems.import_failed() from error
