"""Server-sent events of one job: read page by page, so that memory stays bounded."""

import time
from asyncio import Event
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from chassis.database.engine import Database
from chassis.problems import Unauthenticated
from contracts.job_status import TERMINAL, JobStatus
from services.job_api.edge.responses import to_json
from services.job_api.jobs import presenter
from services.job_api.jobs.notifier import JobEventNotifier, news_or_timeout
from services.job_api.jobs.repository import events, jobs
from services.job_api.jobs.repository.events import EventFilter

PAGE = 200
RETRY_MS = 3000
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}
StillAllowed = Callable[[], Awaitable[bool]]


def sse(event: str, data: object, event_id: int | None = None) -> bytes:
    head = f"id: {event_id}\n" if event_id is not None else ""
    return f"{head}event: {event}\ndata: ".encode() + to_json(data) + b"\n\n"


class EventStreamResponse(StreamingResponse):
    """Holds its slot from before its first byte until it has ended, however it ends."""

    media_type = "text/event-stream"

    def __init__(self, messages: AsyncIterator[bytes], slot: AbstractContextManager[None]) -> None:
        super().__init__(messages, headers=_HEADERS)
        self._slot = slot

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._slot:
            await super().__call__(scope, receive, send)


@dataclass(frozen=True)
class EventStream:
    """The messages of `GET /jobs/{id}/stream`.

    `job` (no id): the job as `GET /jobs/{id}` shows it, first and after each batch of events; `<event type>` with
    `id` = its number: one entry of the log; `end` (no id): the job has ended and everything was sent; `problem` (no
    id): a problem document, the credentials are not valid any more.
    """

    database: Database
    notifier: JobEventNotifier
    stopping: Event
    heartbeat_s: float

    async def of(
        self, workspace_id: UUID, job_id: UUID, last_seen: int, still_allowed: StillAllowed
    ) -> AsyncIterator[bytes]:
        yield f"retry: {RETRY_MS}\n\n".encode()
        async with self.notifier.of(job_id) as news:
            first, look_again_at = True, time.monotonic() + self.heartbeat_s
            while not self.stopping.is_set():
                if time.monotonic() >= look_again_at:
                    if not await still_allowed():
                        yield sse("problem", _not_valid_any_more())
                        return
                    look_again_at = time.monotonic() + self.heartbeat_s
                job, batch = await self._read(workspace_id, job_id, last_seen)
                if job is None:
                    yield sse("end", {"status": "deleted"})
                    return
                for row in batch:
                    last_seen = row["seq"]
                    yield sse(row["type"], presenter.event(row), last_seen)
                if batch or first:
                    first = False
                    yield sse("job", presenter.job(job))
                if len(batch) == PAGE:
                    continue
                if JobStatus(job["status"]) in TERMINAL:
                    yield sse("end", {"status": job["status"]})
                    return
                if not await news_or_timeout(news, self.stopping, self.heartbeat_s):
                    yield b": heartbeat\n\n"

    async def _read(self, workspace_id: UUID, job_id: UUID, last_seen: int) -> tuple[Any, Any]:
        async with self.database.read() as tx:
            job = await jobs.view(tx, workspace_id, job_id)
            batch = await events.page(tx, job_id, EventFilter(), limit=PAGE, after=last_seen) if job else []
        return job, batch


def _not_valid_any_more() -> dict[str, Any]:
    error = Unauthenticated("The key or token of this stream is no longer valid.", code="invalid_credentials",
                            title="Authentication failed")
    return error.to_problem().model_dump(mode="json", exclude_none=True)
