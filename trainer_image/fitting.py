"""Texts that come from elsewhere (names of conversations, messages of libraries), cut to what a stream takes.

A message that its stream refuses is lost, and with it why a training failed.
"""

import json
from collections.abc import Iterator
from typing import Any

# Half of what the streams of a trainer take (64 KiB): the rest of an event is its envelope and fixed fields.
MAX_TEXT_BYTES = 32 * 1024
_FREE = ("message", "suggested_fix", "reason", "context", "details")
# Characters of a text, entries of a list; tried in this order.
_CUTS = ((4_000, 100), (1_000, 20), (200, 5))


def fitting(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of an event; where their free text is too much, every long text and list in it is shortened."""
    free = {name: fields[name] for name in _FREE if name in fields}
    return fields | next(cut for cut in _candidates(free) if _size(cut) <= MAX_TEXT_BYTES)


def _candidates(free: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield free
    for length, entries in _CUTS:
        yield {name: _cut(value, length, entries) for name, value in free.items()}
    yield {name: _cut(value, 200, 0) for name, value in free.items()}


def _size(value: Any) -> int:
    return len(json.dumps(value, default=str).encode())


def _cut(value: Any, length: int, entries: int) -> Any:
    if isinstance(value, str) and len(value) > length:
        return f"{value[:length]}... ({len(value) - length:,} more characters)"
    if isinstance(value, dict):
        return {str(key)[:length]: _cut(item, length, entries) for key, item in list(value.items())[:entries]}
    if isinstance(value, list | tuple):
        shown = [_cut(item, length, entries) for item in value[:entries]]
        return shown if len(value) <= entries else [*shown, f"... and {len(value) - entries:,} more"]
    return value
