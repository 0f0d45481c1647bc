"""Finds out how a file is laid out and yields its entries one at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from contracts.training_file.json_source import JsonSource
from contracts.training_file.refusals import UnsupportedTrainingFile


class Format(StrEnum):
    BRIGHTRUN_JSON = "brightrun-json"
    BRIGHTRUN_JSONL = "brightrun-jsonl"
    CHAT = "chat-jsonl"
    PROMPT_COMPLETION = "prompt-completion-jsonl"
    SHAREGPT = "sharegpt"


FORMAT_NAMES = {
    Format.BRIGHTRUN_JSON: "Bright Run JSON",
    Format.BRIGHTRUN_JSONL: "Bright Run JSONL",
    Format.CHAT: "chat JSONL",
    Format.PROMPT_COMPLETION: "prompt-completion JSONL",
    Format.SHAREGPT: "ShareGPT",
}

BRIGHT_RUN_KEY = re.compile(
    r'(?<!\\)"(?:training_file_metadata|dataset_metadata|consultant_profile|training_pairs)"\s*:'
)
"""Only a real key matches: inside a JSON string the quotes would be escaped."""

STREAMED = ("conversations", "training_pairs")


@dataclass(frozen=True)
class Entry:
    """One value of the file: an item of a streamed list (`index` from 1), or another top-level member."""

    key: str
    index: int
    value: Any


def entries(source: JsonSource) -> tuple[Format | None, Iterator[Entry]]:
    """The format, where the layout already tells it, and the entries. Refuses empty and non-JSON files."""
    first = source.peek()
    if not first:
        raise UnsupportedTrainingFile(
            "TF001_empty", "the file is empty", suggested_fix="Export it again and check its size."
        )
    if first == "[":
        return None, array_items(source, "record", "record")
    if first != "{":
        raise unknown_format()
    if BRIGHT_RUN_KEY.search(source.text) and not source.text.startswith('{"_meta"', source.pos):
        return Format.BRIGHTRUN_JSON, object_members(source)
    return None, documents(source)


def unknown_format() -> UnsupportedTrainingFile:
    return UnsupportedTrainingFile(
        "TF006_unknown_format",
        "the file is in none of the formats that can be read: " + ", ".join(FORMAT_NAMES.values()),
        suggested_fix="See docs/training-file.md for a sample of each.",
    )


def format_of(record: Any) -> Format | None:
    """The format that a single record is in, or None."""
    if not isinstance(record, dict):
        return None
    if "_meta" in record or "conversation_history" in record or "target_response" in record:
        return Format.BRIGHTRUN_JSONL
    if "messages" in record:
        return Format.CHAT
    if "prompt" in record or "completion" in record:
        return Format.PROMPT_COMPLETION
    if "conversations" in record:
        return Format.SHAREGPT
    return None


def documents(source: JsonSource) -> Iterator[Entry]:
    """JSON Lines, or any JSON values one after the other."""
    index = 0
    while source.peek():
        index += 1
        yield Entry("record", index, source.value(f"record {index:,}"))


def array_items(source: JsonSource, key: str, name: str) -> Iterator[Entry]:
    source.take("[", "a list")
    index = 0
    while source.peek() != "]":
        if index:
            source.take(",", "',' or ']'")
        index += 1
        yield Entry(key, index, source.value(f"{name} {index:,}"))
    source.take("]", "']'")
    if name == "record":
        refuse_trailing(source)


def object_members(source: JsonSource) -> Iterator[Entry]:
    """Members of the one top-level object; the long lists item by item, all else whole."""
    source.take("{", "an object")
    seen: set[str] = set()
    while source.peek() != "}":
        if seen:
            source.take(",", "',' or '}'")
        key = member_key(source)
        if key in seen:
            source.refuse_duplicate(key)
        seen.add(key)
        if key in STREAMED and source.peek() == "[":
            yield from array_items(source, key, "conversation" if key == "conversations" else "pair")
        else:
            yield Entry(key, 0, source.value(key[:80]))
    source.take("}", "'}'")
    refuse_trailing(source)


def member_key(source: JsonSource) -> str:
    if source.peek() != '"':
        source.take('"', "a key in double quotes")
    key = source.value("a key")
    source.take(":", "':'")
    return str(key)


def refuse_trailing(source: JsonSource) -> None:
    if source.peek():
        source.refuse_syntax("there is more text after the end of the JSON value")
