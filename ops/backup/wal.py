"""Segments of PostgreSQL's write-ahead log: their names, their order, and how far they reach without a gap."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

SEGMENT = re.compile(r"^[0-9A-F]{24}\Z")
HISTORY = re.compile(r"^[0-9A-F]{8}\.history\Z")
PARTIAL = ".partial"


def lsn(text: str) -> int:
    """A position, from `0/16B3748`."""
    high, low = text.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def as_text(position: int) -> str:
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def segment_of(position: int, timeline: int, segment_bytes: int) -> str:
    """The name of the file that holds the position."""
    return _name(timeline, position // segment_bytes, segment_bytes)


def reaches(names: Collection[str], first: str, segment_bytes: int) -> list[str]:
    """Segments from `first` on, without a gap; a partial one can only be the last."""
    timeline, number = int(first[:8], 16), _number(first, segment_bytes)
    found = []
    while (name := _name(timeline, number, segment_bytes)) in names:
        found.append(name)
        number += 1
    if name + PARTIAL in names:
        found.append(name + PARTIAL)
    return found


def older_than(names: Iterable[str], first: str) -> list[str]:
    """What no restore that begins at `first` needs: segments before it, of its timeline or an earlier one."""
    return [name for name in names
            if SEGMENT.match(name.removesuffix(PARTIAL)) and name[:8] <= first[:8] and name[8:24] < first[8:]]


def _name(timeline: int, number: int, segment_bytes: int) -> str:
    each = (1 << 32) // segment_bytes
    return f"{timeline:08X}{number // each:08X}{number % each:08X}"


def _number(name: str, segment_bytes: int) -> int:
    return int(name[8:16], 16) * ((1 << 32) // segment_bytes) + int(name[16:24], 16)
