"""Examples of what a trainer prints."""

from typing import Any

from contracts.envelope import EventData
from contracts.events import LogLevel, LogLine, LogReported


def printed_lines(trainer: dict[str, Any]) -> dict[str, EventData]:
    """`trainer`: the fields that every event of an attempt has."""
    step = LogLine(time=1795348800.0, text="2026-11-23 12:00:00,000 INFO step 7/450 loss 1.9301")
    too_many = LogLine(
        time=1795348801.5, level=LogLevel.WARNING, text="12 lines left out: more than 20 a second"
    )
    return {"log.reported": LogReported(**trainer, first_line=41, lines=(step, too_many))}
