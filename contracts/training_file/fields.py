"""Reads fields of a record, logging what is missing or of another type instead of raising."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.chat import SPECIAL_TOKEN
from contracts.training_file.issues import IssueLog

LONGEST_LABEL = 200


@dataclass(frozen=True)
class Place:
    """Where in the file a record stands; the numbers count from 1."""

    log: IssueLog
    conversation: int | None = None
    key: str | None = None
    pair: int | None = None

    def add(self, code: str, text: str, field: str | None = None) -> None:
        self.log.add(code, text, conversation=self.conversation, key=self.key, pair=self.pair, field=field)

    def text(self, value: Any, field: str) -> str | None:
        """`value` as a usable message text, or None with the reason logged."""
        if not isinstance(value, str):
            self.add("TF103_wrong_type", f"{field} must be text, found {json_type(value)}", field)
        elif not value.strip():
            self.add("TF102_empty_text", f"{field} is empty", field)
        elif found := SPECIAL_TOKEN.search(value):
            self.add("TF107_control_tokens", f"{field} holds the control token {found.group()}", field)
        else:
            return value
        return None

    def required_text(self, record: Mapping[str, Any], field: str) -> str | None:
        if field in record:
            return self.text(record[field], field)
        self.add("TF104_missing_field", f"{field} is missing", field)
        return None

    def optional_text(self, record: Mapping[str, Any], field: str) -> str | None:
        """None without an issue where the field is absent, null or blank."""
        value = record.get(field)
        return None if value is None or value == "" else self.text(value, field)


def json_type(value: Any) -> str:
    """The type's name as a person who writes JSON knows it."""
    names = {type(None): "null", bool: "true or false", str: "text", list: "a list", dict: "an object"}
    return names.get(type(value), "a number")


def mapping(value: Any) -> dict[str, Any]:
    """`value` where it is an object, else an empty one: for metadata that only informs."""
    return value if isinstance(value, dict) else {}


def labels(**found: Any) -> dict[str, str]:
    """The metadata worth keeping: named texts and whole numbers that are present, short as they are everywhere.

    Samples of one conversation each carry them: an endless one would be stored as often as there are samples.
    """
    texts = ((name, str(value)[:LONGEST_LABEL]) for name, value in found.items() if isinstance(value, str | int))
    return {name: text for name, text in texts if text}
