"""A response held back until it is stored: what a caller has seen is what a repetition replays."""

from collections.abc import Awaitable, Callable

import orjson
from starlette.datastructures import Headers
from starlette.types import Message, Send

from chassis.problems import MEDIA_TYPE, Conflict

_LARGEST_STORED = 4 * 1024 * 1024
_KEPT_HEADERS = frozenset({"content-type", "location", "etag"})
Keep = Callable[[int, dict[str, str], bytes], Awaitable[None]]


class RecordedResponse:
    """Stands in for `send`. `keep` gets a successful response once it is complete, before any of it is sent.

    Event streams and very large bodies are passed on as they come; a repetition then gets a permanent 409 instead
    of a second effect.
    """

    def __init__(self, send: Send, keep: Keep, error_docs: str) -> None:
        self._send, self._keep, self._error_docs = send, keep, error_docs
        self._held: list[Message] | None = []
        self._body = bytearray()
        self._headers: dict[str, str] = {}
        self.status = 0

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status < 400

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = Headers(raw=message.get("headers", []))
            self._headers = {name: value for name, value in headers.items() if name in _KEPT_HEADERS}
        if self._held is None:
            await self._send(message)
            return
        self._held.append(message)
        self._body += message.get("body", b"")
        if self._streams():
            await self._keep_marker()
            await self._pass_on()
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            if self.succeeded:
                await self._keep(self.status, self._headers, bytes(self._body))
            await self._pass_on()

    def _streams(self) -> bool:
        return len(self._body) > _LARGEST_STORED or self._headers.get("content-type", "").startswith(
            "text/event-stream"
        )

    async def _keep_marker(self) -> None:
        if self.succeeded:
            problem = Conflict(
                "The first request with this Idempotency-Key succeeded; its answer was too large to be kept.",
                code="idempotency_response_not_kept",
                title="Answer not kept",
                suggested_fix="Read the resource instead of repeating the request.",
            )
            told = problem.to_problem(error_docs=self._error_docs)
            document = orjson.dumps(told.model_dump(mode="json", exclude_none=True))
            await self._keep(problem.status, {"content-type": MEDIA_TYPE} | problem.headers, document)

    async def _pass_on(self) -> None:
        held, self._held = self._held or [], None
        for message in held:
            await self._send(message)
