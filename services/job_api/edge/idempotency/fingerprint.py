"""What makes two requests "the same": query, media type and body, hashed while it streams by.

A 200 MB upload is never buffered. In multipart bodies the boundary is left out, because clients make a new random
one for every try; headers and contents of the parts count.
"""

import hashlib
from collections.abc import Callable

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope


class HashedBody:
    """Stands between the server and the app as `receive`; `digest()` reads what the app left unread."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        self._sha256 = hashlib.sha256()
        self._complete = False
        headers = dict(scope["headers"])
        media_type, options = parse_options_header(headers.get(b"content-type", b""))
        self._sha256.update(scope.get("query_string", b"") + b"\n" + media_type + b"\n")
        boundary = options.get(b"boundary") if media_type == b"multipart/form-data" else None
        self._parts = self._parser(boundary) if boundary else None

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._add(message.get("body", b""))
            self._complete = not message.get("more_body", False)
        return message

    async def digest(self) -> bytes:
        """SHA-256 over the whole request. Raises ClientDisconnect when the caller is gone before its end."""
        while not self._complete:
            if (await self())["type"] == "http.disconnect":
                raise ClientDisconnect
        return self._sha256.digest()

    def _add(self, chunk: bytes) -> None:
        if self._parts is None:
            self._sha256.update(chunk)
            return
        try:
            self._parts.write(chunk)
        except FormParserError:  # not a valid form: the route refuses it; until then plain bytes are as good
            self._parts = None
            self._sha256.update(chunk)

    def _parser(self, boundary: bytes) -> MultipartParser | None:
        def content(data: bytes, start: int, end: int) -> None:
            self._sha256.update(memoryview(data)[start:end])

        def mark(name: bytes) -> Callable[[], None]:
            return lambda: self._sha256.update(name)

        try:
            return MultipartParser(
                boundary,
                {
                    "on_part_begin": mark(b"\n--part--\n"),
                    "on_header_field": content,
                    "on_header_value": content,
                    "on_header_end": mark(b"\n"),
                    "on_headers_finished": mark(b"\n--content--\n"),
                    "on_part_data": content,
                    "on_part_end": mark(b"\n--end--\n"),
                },
            )
        except FormParserError:
            return None
