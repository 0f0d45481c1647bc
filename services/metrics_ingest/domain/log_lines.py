"""Lines of output: how a batch is kept, and which lines a reader wants."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from contracts.events.log import LogLevel, LogLine
from contracts.rpc.logs import LogLinesQuery, NumberedLine

_LEVELS = tuple(LogLevel)
# What a row costs beside its text.
_ROW_BYTES = 200
_reader = msgspec.json.Decoder(list[tuple[float, int, str]])


@dataclass(frozen=True, slots=True)
class Batch:
    """A row of log_batches: `lines` is JSON."""

    first_line: int
    last_line: int
    lines: str

    @property
    def bytes(self) -> int:
        return len(self.lines.encode()) + _ROW_BYTES

    @classmethod
    def of(cls, first_line: int, lines: Sequence[LogLine], sent_at: float) -> Batch:
        """A time that is no number is replaced by `sent_at`."""
        rows = [
            (line.time if math.isfinite(line.time) else sent_at, _LEVELS.index(line.level), line.text) for line in lines
        ]
        return cls(first_line, first_line + len(lines) - 1, msgspec.json.encode(rows).decode())

    def numbered(self) -> list[NumberedLine]:
        return [
            NumberedLine(line=number, time=time, level=_LEVELS[level], text=text)
            for number, (time, level, text) in enumerate(_reader.decode(self.lines), self.first_line)
        ]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Lines of this level or a graver one that contain the text, upper or lower case."""

    levels: frozenset[LogLevel]
    search: str

    @classmethod
    def by(cls, query: LogLinesQuery) -> Wanted:
        return cls(frozenset(_LEVELS[_LEVELS.index(query.level) :]), query.search.lower())

    def matches(self, line: NumberedLine) -> bool:
        return line.level in self.levels and self.search in line.text.lower()


class Gathering:
    """Lines of one page, in the order they are read; `position` is the last line that was looked at.

    Full with `limit` lines or `most_bytes` of text: an answer fits into a message.
    """

    def __init__(self, wanted: Wanted, limit: int, most_bytes: int, position: int) -> None:
        self._wanted, self._limit, self._bytes_left = wanted, limit, most_bytes
        self.position = position
        self.found: list[NumberedLine] = []

    @property
    def full(self) -> bool:
        return len(self.found) >= self._limit or self._bytes_left <= 0

    def look_at(self, lines: Iterable[NumberedLine]) -> None:
        for line in lines:
            if self.full:
                return
            self.position = line.line
            if self._wanted.matches(line):
                self.found.append(line)
                self._bytes_left -= len(line.text.encode())
