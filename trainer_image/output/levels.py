"""How grave a line is, from how it begins."""

import re

from contracts.events.log import LogLevel

_LEVELS = {
    "DEBUG": LogLevel.DEBUG, "INFO": LogLevel.INFO, "WARNING": LogLevel.WARNING, "WARN": LogLevel.WARNING,
    "ERROR": LogLevel.ERROR, "CRITICAL": LogLevel.ERROR, "FATAL": LogLevel.ERROR,
}
# `2026-11-23 12:00:00,000 INFO ...` as we write it; `[WARNING] ...` and `ERROR: ...` as libraries do.
_NAMED = re.compile(rf"(?:\d{{4}}-\d\d-\d\d[ T]\S+ )?\[?({'|'.join(_LEVELS)})\b[\] :]")
_CRASH = re.compile(r"Traceback \(most recent call last\)|Fatal Python error|Segmentation fault|terminate called"
                    r"|Killed$|\S*(?:CUDA|NCCL) error|double free|free\(\)|malloc")
# A warning as Python prints it: `/path/module.py:12: UserWarning: ...`
_WARNS = re.compile(r"\S+:\d+: \w*Warning: ")
# Lines of a stack trace come at once.
_TOGETHER_S = 1.0


class LevelGuess:
    """A line that names no level belongs to the error or warning before it when it comes at once, and informs else."""

    def __init__(self) -> None:
        self._level, self._since = LogLevel.INFO, 0.0

    def of(self, line: str, now: float) -> LogLevel:
        """`now` in seconds."""
        begun = _begins(line)
        if begun is None and now - self._since > _TOGETHER_S:
            begun = LogLevel.INFO
        if begun is not None:
            self._level = begun
        self._since = now
        return self._level


def _begins(line: str) -> LogLevel | None:
    if named := _NAMED.match(line):
        return _LEVELS[named.group(1)]
    if _CRASH.match(line):
        return LogLevel.ERROR
    return LogLevel.WARNING if _WARNS.match(line) else None
