"""An upload on its way in: from the network to a temporary file."""

import asyncio
import re
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect, Request

from chassis.cancellation import cancel_and_wait
from chassis.problems import ProblemError
from chassis.web.problems.validation import validation_problem
from contracts.training_file.json_source import MAX_BYTES
from services.job_api.edge.fields import Description, Name
from services.job_api.errors import DomainError
from services.job_api.files import problems
from services.job_api.files.form import FileTooLarge, UploadForm
from services.job_api.files.spool import upload_folder

Result = TypeVar("Result")
_FORM_OVERHEAD = 1024 * 1024
_LINGER_S = 5.0
_BATCH = 1024 * 1024
_NAME: TypeAdapter[str] = TypeAdapter(Name)
_DESCRIPTION: TypeAdapter[str] = TypeAdapter(Description)


@dataclass(frozen=True)
class Received:
    """What was uploaded; `path` lies in `folder`, which is removed afterwards. `gone` ends when the caller hangs up."""

    folder: Path
    path: Path
    size: int
    file_name: str
    name: str
    description: str
    gone: Callable[[], Awaitable[None]]


@asynccontextmanager
async def received(
    request: Request, limit: int = MAX_BYTES, admit: Callable[[], None] = lambda: None
) -> AsyncIterator[Received]:
    """The upload on disk, for as long as the block lasts. `admit` may refuse it before it is kept.

    Raises problem documents (400, 413, 415, 422, and those of `admit`).
    """
    body = _Body(request)
    async with upload_folder() as folder:
        try:
            admit()
            yield await _receive(request, body, folder, limit)
        except (DomainError, ProblemError):
            await body.drain()
            raise


async def _receive(request: Request, body: "_Body", folder: Path, limit: int) -> Received:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit + _FORM_OVERHEAD:
        raise problems.too_large(limit)
    path = folder / "original"
    with path.open("wb") as spool:
        form = UploadForm(request.headers.get("content-type", ""), spool, limit)
        try:
            async for batch in body.batches():
                await asyncio.to_thread(form.write, batch)
        except FileTooLarge:
            raise problems.too_large(limit) from None
        texts = form.finish()
    file_name = plain_name(form.file_name or "")
    name = _checked(_NAME, "name", texts.get("name", "")) or file_name
    description = _checked(_DESCRIPTION, "description", texts.get("description", ""))
    return Received(folder, path, form.size, file_name, name, description, body.gone)


async def while_connected(upload: Received, work: Coroutine[Any, Any, Result]) -> Result:
    """The result of `work`, which is cancelled when the caller goes away. Raises ClientDisconnect then."""
    task, gone = asyncio.create_task(work), asyncio.ensure_future(upload.gone())
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        await cancel_and_wait(task, gone)


class _Body:
    """The request's bytes; knows whether all of them have come."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._ended = False

    async def chunks(self) -> AsyncIterator[bytes]:
        """Raises ClientDisconnect when the caller goes away before the end."""
        while not self._ended:
            message = await self._request.receive()
            if message["type"] == "http.disconnect":
                self._ended = True
                raise ClientDisconnect
            self._ended = not message.get("more_body", False)
            yield message.get("body", b"")

    async def batches(self) -> AsyncIterator[bytes]:
        """The same in larger pieces: few enough for a thread each, which may wait for the disk."""
        batch = bytearray()
        async for chunk in self.chunks():
            batch += chunk
            if len(batch) >= _BATCH:
                yield bytes(batch)
                batch.clear()
        yield bytes(batch)

    async def gone(self) -> None:
        """Waits until the caller has gone away; after the whole body that is the only message left."""
        while (await self._request.receive())["type"] != "http.disconnect":
            pass

    async def drain(self) -> None:
        """Read on for a moment: a client that is still sending would meet a reset connection instead of the answer."""
        with suppress(ClientDisconnect, TimeoutError):
            async with asyncio.timeout(_LINGER_S):
                async for _ in self.chunks():
                    pass


def plain_name(given: str) -> str:
    """The last part of a path, without control characters, at most 255 characters."""
    last = re.split(r"[/\\]", given)[-1]
    kept = "".join(c for c in last if unicodedata.category(c)[0] != "C").strip()
    return kept[:255] or "training-file"


def _checked(kind: TypeAdapter[str], field: str, value: str) -> str:
    try:
        return kind.validate_python(value)
    except ValidationError as error:
        raise validation_problem([{**item, "loc": ("body", field)} for item in error.errors()]) from error
