"""What a trainer printed, as it is shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from contracts.events.log import LogLevel
from contracts.rpc.logs import AttemptLog, LogLinesPage
from contracts.rpc.pods import LogPage

# Offsets of text that comes from the store count lines, from here on: no machine's log has so many bytes.
STORE_OFFSET = 2**48


@dataclass(frozen=True)
class Line:
    """`time` in Unix seconds."""

    line: int
    time: float | None
    level: LogLevel
    text: str


@dataclass(frozen=True)
class TrainerOutput:
    """A page of lines, or of `text` where `lines` is None."""

    attempt: int | None
    source: Literal["store", "machine"]
    lines: tuple[Line, ...] | None = None
    next_after: int | None = None
    next_before: int | None = None
    more_after: bool | None = None
    more_before: bool | None = None
    attempts: tuple[AttemptLog, ...] = ()
    text: str = ""
    next_offset: int = 0
    end: bool = True
    details: dict[str, Any] = field(default_factory=dict)


def stored(page: LogLinesPage) -> TrainerOutput:
    lines = tuple(Line(found.line, found.time, found.level, found.text) for found in page.lines)
    return TrainerOutput(
        attempt=page.attempt, source="store", lines=lines, next_after=page.next_after, next_before=page.next_before,
        more_after=page.more_after, more_before=page.more_before, attempts=page.attempts)


def stored_text(page: LogLinesPage, max_bytes: int) -> TrainerOutput:
    """Whole lines, at least one; the next offset leads to the line behind them."""
    text, last = "", page.next_after - len(page.lines)
    for line in page.lines:
        if text and len(text.encode()) + len(line.text.encode()) >= max_bytes:
            break
        text, last = f"{text}{line.text}\n", line.line
    return TrainerOutput(
        attempt=page.attempt, source="store", attempts=page.attempts, text=text, next_offset=STORE_OFFSET + last,
        end=last >= page.next_after and not page.more_after)


def of_machine(page: LogPage) -> TrainerOutput:
    return TrainerOutput(
        attempt=page.attempt, source="machine", text=page.text, next_offset=page.next_offset, end=page.end,
        details=page.details)
