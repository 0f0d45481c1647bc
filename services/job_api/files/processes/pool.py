"""Worker processes for one kind of work: so many at a time, so many waiting, each for so long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from services.job_api.files.errors import ReadingBusy, ReadingFailed, ReadingTooSlow, TrainingFileUnreadable
from services.job_api.files.processes.messages import Answer, Order, Refused
from services.job_api.files.processes.worker import Worker, WorkerEnded

# A process that grew for a large file is not kept for the next one.
_KEPT_BELOW_MB = 256
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class PoolLimits:
    """At most `at_once` orders are worked on; `waiting` more wait, at most `wait_s`. Each may take `time_s`."""

    at_once: int = 2
    waiting: int = 8
    wait_s: float = 60.0
    time_s: float = 240.0
    memory_mb: int = 2048


class WorkerPool:
    """Starts processes when there is work, keeps one of them for the next order, and kills what is not wanted."""

    def __init__(self, base_model: str, limits: PoolLimits) -> None:
        self._base_model, self._limits = base_model, limits
        self._turns = asyncio.Semaphore(limits.at_once)
        self._waiting = 0
        self._ready: list[Worker] = []

    async def stop(self) -> None:
        """Ends what stands ready; a process at work ends with the task that waits for it."""
        ready, self._ready = self._ready, []
        for worker in ready:
            await worker.kill()

    def refuse_if_full(self) -> None:
        """Raises ReadingBusy when too many wait already: best asked before a body is read."""
        if self._turns.locked() and self._waiting >= self._limits.waiting:
            raise ReadingBusy

    async def work(self, order: Order) -> Answer:
        """The answer to an order. The process is killed when the caller is cancelled.

        Raises TrainingFileUnreadable for a file that is refused as a whole, ReadingBusy when it is not its turn in
        time, ReadingTooSlow, and ReadingFailed when its process dies.
        """
        async with self._turn(), self._worker() as worker:
            answer = await self._ask(worker, order)
        if isinstance(answer, Refused):
            raise TrainingFileUnreadable(answer)
        return answer

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        self.refuse_if_full()
        self._waiting += 1
        try:
            async with asyncio.timeout(self._limits.wait_s):
                await self._turns.acquire()
        except TimeoutError:
            raise ReadingBusy from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turns.release()

    @asynccontextmanager
    async def _worker(self) -> AsyncIterator[Worker]:
        """A process that is kept for the next order only when this one ended well and left it small."""
        alive = [worker for worker in self._ready if worker.alive]
        worker = alive[0] if alive else await Worker.start(self._base_model, self._limits.memory_mb)
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

    async def _ask(self, worker: Worker, order: Order) -> Answer:
        try:
            async with asyncio.timeout(self._limits.time_s):
                return await worker.ask(order)
        except TimeoutError:
            raise ReadingTooSlow(self._limits.time_s) from None
        except WorkerEnded as error:
            log.error("worker_process_ended", order=order.kind, status=error.status)
            raise ReadingFailed from error
