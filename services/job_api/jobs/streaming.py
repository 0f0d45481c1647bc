"""Server-sent events of one job: read page by page, so that memory stays bounded.

`job` (no id): the job as `GET /jobs/{id}` shows it, first and after each change; `<event type>` with `id` = its number:
one entry of the log; `<event type>` without id: a snapshot (progress, cost) that stands in no log; `end` (no id): the
job has ended and everything was sent; `problem` (no id): a problem document, the credentials are not valid any more.
"""

import time
from asyncio import Event
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.engine import RowMapping
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from chassis.database.engine import Database
from chassis.problems import Unauthenticated
from contracts.job_status import TERMINAL, JobStatus
from services.job_api.edge.responses import to_json
from services.job_api.jobs import presenter
from services.job_api.jobs.application.people import Entry, page_of_events
from services.job_api.jobs.application.places import with_place
from services.job_api.jobs.domain.queue import QueueLimits
from services.job_api.jobs.notifier import JobEventNotifier, news_or_timeout
from services.job_api.jobs.repository import jobs, snapshots
from services.job_api.jobs.repository.events import EventFilter
from services.job_api.jobs.repository.job_rows import Row

PAGE = 200
RETRY_MS = 3000
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}
StillAllowed = Callable[[], Awaitable[bool]]


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
    """What all streams of this process share. `heartbeat_s`: also how often credentials are looked at again."""

    database: Database
    notifier: JobEventNotifier
    stopping: Event
    heartbeat_s: float
    error_docs: str
    queue_limits: QueueLimits = field(default_factory=QueueLimits)

    def of(
        self, workspace_id: UUID, job_id: UUID, last_seen: int, still_allowed: StillAllowed
    ) -> AsyncIterator[bytes]:
        """The messages from after entry `last_seen` on, until the job has ended or the server stops."""
        return _OpenStream(self, workspace_id, job_id, last_seen, still_allowed).messages()


@dataclass(frozen=True)
class _Found:
    """What a look into the database brought; `job` is None when it was deleted."""

    job: Row | None
    entries: Sequence[Entry] = ()
    snapshots: Sequence[RowMapping] = ()

    @property
    def shown(self) -> tuple[datetime, int] | None:
        """What changes whenever the job is to be shown anew: its row, or its place in the queue."""
        place = self.job.get("place") if self.job is not None else None
        return None if self.job is None else (self.job["updated_at"], place.position if place else 0)

    @property
    def is_last(self) -> bool:
        return len(self.entries) < PAGE and (self.job is None or JobStatus(self.job["status"]) in TERMINAL)


class _OpenStream:
    def __init__(
        self, shared: EventStream, workspace_id: UUID, job_id: UUID, last_seen: int, still_allowed: StillAllowed
    ) -> None:
        self._shared, self._workspace_id, self._job_id = shared, workspace_id, job_id
        self._still_allowed = still_allowed
        self._look_again_at = time.monotonic() + shared.heartbeat_s
        self._last_seen = last_seen
        self._shown: tuple[datetime, int] | None = None
        self._seen_snapshots: dict[str, UUID] | None = None

    async def messages(self) -> AsyncIterator[bytes]:
        yield f"retry: {RETRY_MS}\n\n".encode()
        async with self._shared.notifier.of(self._job_id) as news:
            while not self._shared.stopping.is_set():
                if not await self._is_allowed():
                    yield _sse("problem", _not_valid_any_more(self._shared.error_docs))
                    return
                found = await self._read()
                for message in self._told(found):
                    yield message
                if found.is_last:
                    yield _sse("end", {"status": found.job["status"] if found.job else "deleted"})
                    return
                if len(found.entries) < PAGE and not await self._wait(news):
                    yield b": heartbeat\n\n"

    async def _is_allowed(self) -> bool:
        if time.monotonic() < self._look_again_at:
            return True
        self._look_again_at = time.monotonic() + self._shared.heartbeat_s
        return await self._still_allowed()

    async def _read(self) -> _Found:
        async with self._shared.database.read() as tx:
            row = await jobs.view(tx, self._workspace_id, self._job_id)
            if row is None:
                return _Found(None)
            job = await with_place(tx, row, self._shared.queue_limits)
            entries = await page_of_events(tx, self._job_id, EventFilter(), limit=PAGE, after=self._last_seen)
            return _Found(job, entries, await snapshots.newest(tx, self._job_id))

    def _told(self, found: _Found) -> Iterator[bytes]:
        for row in found.entries:
            self._last_seen = row["seq"]
            yield _sse(row["type"], presenter.event(row), self._last_seen)
        for row in self._new_snapshots(found.snapshots):
            yield _sse(row["type"], presenter.snapshot(row))
        if found.job is not None and found.shown != self._shown:
            self._shown = found.shown
            yield _sse("job", presenter.job(found.job))

    def _new_snapshots(self, newest: Sequence[RowMapping]) -> Iterator[RowMapping]:
        """Those that came since the last look and stand in no log; at first the job says it all."""
        seen, self._seen_snapshots = self._seen_snapshots, {row["type"]: row["event_id"] for row in newest}
        if seen is not None:
            yield from (row for row in newest if not row["logged"] and row["event_id"] != seen.get(row["type"]))

    async def _wait(self, news: Event) -> bool:
        return await news_or_timeout(news, self._shared.stopping, self._shared.heartbeat_s)


def _sse(event: str, data: object, event_id: int | None = None) -> bytes:
    head = f"id: {event_id}\n" if event_id is not None else ""
    return f"{head}event: {event}\ndata: ".encode() + to_json(data) + b"\n\n"


def _not_valid_any_more(error_docs: str) -> dict[str, Any]:
    error = Unauthenticated("The key or token of this stream is no longer valid.", code="invalid_credentials",
                            title="Authentication failed")
    return error.to_problem(error_docs=error_docs).model_dump(mode="json", exclude_none=True)
