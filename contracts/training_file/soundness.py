"""Checks that hold for every decoded value: no duplicate keys, NaN, lone surrogates, NULs, deep nesting."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from contracts.training_file.refusals import TrainingFileRefused

MAX_DEPTH = 64
UNSOUND_CHARACTER = re.compile("[\ud800-\udfff\0]")


class DuplicateKeys(dict[str, Any]):
    """An object in which `key` stood twice; found later, when the path to it is known."""

    key = ""


def decode_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    decoded = dict(pairs)
    if len(decoded) == len(pairs):
        return decoded
    marked = DuplicateKeys(decoded)
    seen: set[str] = set()
    marked.key = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    return marked


def is_sound(value: Any, *, with_texts: bool) -> bool:
    """Whether `refuse_unsound` finds nothing. It keeps no paths, and so is ten times as fast.

    Texts can be left out where the JSON holds no `\\u`: nothing else puts NULs and surrogates into them.
    """
    return sound_members([value], MAX_DEPTH + 1, with_texts)


def sound_members(items: Iterable[Any], levels: int, with_texts: bool) -> bool:
    """Over every value of a file: exact types and one loop, since each call and each pass counts here."""
    if levels == 0:
        return False
    for item in items:
        kind = type(item)
        if kind is str:
            if with_texts and not is_sound_text(item):
                return False
        elif kind is dict:
            if with_texts and not is_sound_text("".join(item)):
                return False
            if not sound_members(item.values(), levels - 1, with_texts):
                return False
        elif kind is list:
            if not sound_members(item, levels - 1, with_texts):
                return False
        elif kind is DuplicateKeys or (kind is float and not math.isfinite(item)):
            return False
    return True


def is_sound_text(text: str) -> bool:
    if "\0" in text:
        return False
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def refuse_unsound(value: Any, path: str, depth: int = 0) -> None:
    """Raise `TrainingFileRefused` with the path of the first fault in `value`."""
    if isinstance(value, str):
        refuse_unsound_text(value, path)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise TrainingFileRefused(
                "TF009_not_finite", "NaN and infinite numbers are not JSON", place=path, suggested_fix="Use null."
            )
    elif isinstance(value, dict | list):
        refuse_unsound_container(value, path, depth)


def refuse_unsound_container(value: dict[str, Any] | list[Any], path: str, depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise TrainingFileRefused(
            "TF012_nested_too_deep",
            f"more than {MAX_DEPTH} levels of objects and lists",
            place=path,
            suggested_fix="Flatten the record.",
        )
    if isinstance(value, DuplicateKeys):
        raise TrainingFileRefused(
            "TF008_duplicate_key",
            f"the key {value.key[:80]!r} stands twice in one object",
            place=path,
            suggested_fix="Keep one of the two.",
        )
    if isinstance(value, list):
        for index, item in enumerate(value, 1):
            refuse_unsound(item, f"{path}[{index}]", depth + 1)
        return
    for key, item in value.items():
        refuse_unsound_text(key, path)
        refuse_unsound(item, f"{path}{'.' if depth else ', '}{key[:80]}", depth + 1)


def refuse_unsound_text(text: str, path: str) -> None:
    found = UNSOUND_CHARACTER.search(text)
    if found is None:
        return
    if found.group() == "\0":
        raise TrainingFileRefused(
            "TF011_nul_character", "the text holds U+0000", place=path, suggested_fix="Remove the character."
        )
    raise TrainingFileRefused(
        "TF010_lone_surrogate",
        f"the text holds half of a surrogate pair (\\u{ord(found.group()):04x}) at character {found.start() + 1:,}",
        place=path,
        suggested_fix="Remove the escape, or write the whole character.",
    )
