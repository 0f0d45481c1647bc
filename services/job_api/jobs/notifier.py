"""Who waits for events of a job: one LISTEN connection per process, fanned out to the open streams."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

from chassis.database.listen import PgListener
from services.job_api.jobs.repository.jobs import EVENT_CHANNEL


class JobEventNotifier(PgListener):
    """Tells waiting streams that a job has new events. They read them from the database themselves, so nothing is
    queued here, however slow a reader is. A lost notification costs at most one heartbeat."""

    def __init__(self, database_url: str) -> None:
        super().__init__(database_url, EVENT_CHANNEL)
        self._waiting: dict[str, set[asyncio.Event]] = {}

    @asynccontextmanager
    async def of(self, job_id: UUID) -> AsyncIterator[asyncio.Event]:
        """An event that is set when this job has news."""
        news = asyncio.Event()
        waiting = self._waiting.setdefault(str(job_id), set())
        waiting.add(news)
        try:
            yield news
        finally:
            waiting.discard(news)
            if not waiting:
                self._waiting.pop(str(job_id), None)

    def wake(self) -> None:
        """The connection is new: anything may have happened."""
        for waiting in self._waiting.values():
            for news in waiting:
                news.set()

    async def run(self) -> None:
        """Listen until cancelled."""
        async with self:
            await asyncio.Event().wait()

    def _on_notify(self, *arguments: Any) -> None:
        for news in self._waiting.get(str(arguments[-1]), ()):
            news.set()


async def news_or_timeout(news: asyncio.Event, stopping: asyncio.Event, timeout_s: float) -> bool:
    """True when there is news, False when the time is over or the server stops. Clears the news."""
    waits = [asyncio.create_task(news.wait()), asyncio.create_task(stopping.wait())]
    try:
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*waits, return_exceptions=True)
    happened = news.is_set()
    news.clear()
    return happened
