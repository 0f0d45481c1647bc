"""Answers as JSON: plain dictionaries that orjson writes. The schemas of a feature document the same shapes."""

from typing import Any

import orjson
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
