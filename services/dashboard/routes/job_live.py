"""What moves, as server-sent events: one stream for each page, and only what has changed since it was made."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from brightrun import live
from brightrun.errors import ApiError, BrightrunError
from services.dashboard.job_view import cost, has_ended, steps
from services.dashboard.routes.job import TIERS
from services.dashboard.routes.job_list import page_of, wanted
from services.dashboard.visit import SignedIn, Visit

router = APIRouter()
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}
_HEARTBEAT, _RETRY_MS = b": heartbeat\n\n", 2000
# Kinds of entries after which the table of attempts, and with it the cost card, is asked for anew.
_CHANGES_ATTEMPTS = ("pod.", "job.", "cost.")


def stream(messages: AsyncIterator[bytes]) -> Response:
    return StreamingResponse(messages, media_type="text/event-stream", headers=_HEADERS)


def message(event: str, text: str, event_id: str = "") -> bytes:
    head = f"id: {event_id}\n" if event_id else ""
    data = "".join(f"data: {line}\n" for line in text.splitlines() or [""])
    return f"{head}event: {event}\n{data}\n".encode()


@router.get("/jobs/live")
async def watch_jobs(visit: SignedIn) -> Response:
    """The rows of a view of the jobs page, each when it has changed."""
    return stream(_rows(visit, wanted(visit.request)))


async def _rows(visit: Visit, state: dict[str, str]) -> AsyncIterator[bytes]:
    yield f"retry: {_RETRY_MS}\n\n".encode()
    # At first nothing is: what changed since the page was made, or while the stream was broken off, is not lost.
    shown: dict[str, tuple[dict[str, Any], str]] = {}
    stopping: asyncio.Event = visit.request.app.state.runtime.stopping
    while not stopping.is_set():
        try:
            page = await run_in_threadpool(page_of, visit.client, state)
        except ApiError as error:
            if error.status < 500:
                return
            page = {"data": []}
        except BrightrunError:
            page = {"data": []}
        for job in page["data"]:
            before = shown.get(job["id"])
            if before and before[0] == job:  # most of them, most of the time
                continue
            text = visit.text("jobs_row.html", job=job)
            shown[job["id"]] = job, text
            if not before or before[1] != text:
                yield message(f"row-{job['id']}", text)
        yield _HEARTBEAT
        await _pause(stopping, visit.parts.settings.live_interval_s)


async def _pause(stopping: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stopping.wait(), seconds)
    except TimeoutError:
        return


@router.get("/jobs/{job_id}/live")
async def watch_job(
    request: Request, visit: SignedIn, job_id: UUID, after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """`header`, `cost`, `stages`, `attempts` and `actions`: parts of the page; `entry`: a row of the log, with its
    number as id; `moved`: the newest step, for the charts; `checkpoint`: a step that is safe; `end`: nothing more will
    come."""
    seen = int(last_event_id) if last_event_id and last_event_id.isdecimal() and len(last_event_id) < 19 else after
    return stream(_JobStream(visit, str(job_id)).messages(max(seen, after)))


class _JobStream:
    """One open stream: what it has sent already is not sent again."""

    def __init__(self, visit: Visit, job_id: str) -> None:
        self._visit, self._job_id = visit, job_id
        self._sent: dict[str, str] = {}
        self._changes: list[dict[str, Any]] = []
        self._attempts: dict[str, Any] | None = None
        self._outdated = True

    async def messages(self, after: int) -> AsyncIterator[bytes]:
        parts = self._visit.parts
        yield f"retry: {_RETRY_MS}\n\n".encode()
        try:
            found = live.messages(
                parts.api.streams, parts.api.credentials(self._visit.session.credential), self._job_id, after)
            async for each in found:
                if each is None:
                    yield _HEARTBEAT
                    continue
                async for told in self._told(*each):
                    yield told
        except ApiError as error:
            if error.status < 500:  # gone, or not allowed any more: the page says so when it is loaded anew
                yield message("end", "")
        except BrightrunError:
            return  # the browser comes back by itself

    async def _told(self, event_id: str, name: str, data: dict[str, Any]) -> AsyncIterator[bytes]:
        if name == "job":
            async for part in self._parts(data):
                yield part
        elif name in ("end", "problem"):
            yield message("end", "")
        else:
            self._outdated = self._outdated or name.startswith(_CHANGES_ATTEMPTS)
            if event_id:
                yield message("entry", self._visit.text("job_entry.html", entry=data, job_id=self._job_id), event_id)
            if name == "checkpoint.saved":
                yield message("checkpoint", str(data["payload"]["step"]))
            if name in ("training.progressed", "training.completed", "evaluation.generated"):
                yield message("moved", str(data["payload"].get("step", "")))

    async def _parts(self, job: dict[str, Any]) -> AsyncIterator[bytes]:
        if self._outdated:
            await self._ask_again()
        context = {"job": job, "ended": has_ended(job), "cost": cost(job, self._attempts), "tiers": TIERS,
                   "steps": steps(job, self._changes, self._visit.parts.clock.now()), "attempts": self._attempts}
        for part in ("header", "stages", "cost", "actions", *(["attempts"] if self._attempts else [])):
            text = self._visit.text(f"job_{part}.html", **context)
            # The token of a form is another one each time: what is compared is the job's part in it.
            key = repr(job["allowed_actions"]) if part == "actions" else text
            if self._sent.get(part) != key:
                self._sent[part] = key
                yield message(part, text)

    async def _ask_again(self) -> None:
        client = self._visit.client
        calls = {"attempts": lambda: client.attempts(self._job_id),
                 "changes": lambda: client.events(self._job_id, limit=100, type="job.status_changed").data}
        found = await run_in_threadpool(self._visit.together, **calls)
        self._attempts = found["attempts"].value or self._attempts
        self._changes = found["changes"].value or self._changes
        self._outdated = False
