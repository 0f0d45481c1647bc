"""Answers as JSON: plain dictionaries that orjson writes. The schemas of a feature document the same shapes."""

import hashlib
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

INVALID_CURSOR: dict[int | str, dict[str, Any]] = {400: {"description": "`after` is no cursor of this list"}}
"""What a list documents whose `after` is opaque."""


def to_json(document: object) -> bytes:
    """The driver's UUIDs are a type of their own that orjson does not know, hence the default."""
    return orjson.dumps(document, default=str)


def page(data: list[dict[str, Any]], next_cursor: str | int | None) -> dict[str, Any]:
    """The envelope of every list."""
    cursor = None if next_cursor is None else str(next_cursor)
    return {"object": "list", "data": data, "has_more": cursor is not None, "next_cursor": cursor}


class JsonResponse(Response):
    """Written by orjson, without a detour over response models: those only document the shape."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return to_json(content)


NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "Unchanged since the ETag in If-None-Match"}}


class FixedDocument:
    """What is the same for everybody as long as the process lives: written once, known by its ETag."""

    def __init__(self, document: object) -> None:
        self._body = to_json(document)
        self.etag = f'"{hashlib.sha256(self._body).hexdigest()[:32]}"'
        self._headers = {"etag": self.etag}

    def answer(self, request: Request) -> Response:
        if (known := request.headers.get("if-none-match")) and self._is_among(known):
            return Response(status_code=304, headers=self._headers)
        return Response(self._body, headers=self._headers, media_type=JsonResponse.media_type)

    def _is_among(self, known: str) -> bool:
        """Compared weakly (RFC 9110, 13.1.2): a proxy that compresses makes the tag a weak one."""
        tags = {tag.strip().removeprefix("W/") for tag in known.split(",")}
        return bool(tags & {self.etag, "*"})
