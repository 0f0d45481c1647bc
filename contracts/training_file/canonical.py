"""The stored form: one conversation per line, the same bytes for the same content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import orjson

from contracts.chat import Conversation

CANONICAL_MEDIA_TYPE = "application/jsonl"


def canonical_line(conversation: Conversation) -> bytes:
    """Sorted keys, no spaces, UTF-8, one line feed at the end; `number` is left out where it is not known."""
    unknown = {"number"} if conversation.number is None else None
    data = conversation.model_dump(mode="json", exclude=unknown)
    return orjson.dumps(data, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def canonical_lines(conversations: Iterable[Conversation]) -> Iterator[bytes]:
    return (canonical_line(conversation) for conversation in conversations)


def read_canonical(lines: Iterable[bytes]) -> Iterator[Conversation]:
    """Conversations from lines of the stored form; a file opened in binary mode is such an iterable.

    Raises pydantic's `ValidationError` for anything else: the form is written by us only.
    """
    return (Conversation.model_validate_json(line) for line in lines if line.strip())


def content_sha256(conversations: Iterable[Conversation]) -> str:
    """SHA-256 of the stored form, hexadecimal."""
    digest = hashlib.sha256()
    for line in canonical_lines(conversations):
        digest.update(line)
    return digest.hexdigest()
