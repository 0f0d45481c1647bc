"""Whether a stack runs in a folder: somebody holds the lock of its reaper."""

from __future__ import annotations

import fcntl
from pathlib import Path


def holder(lock: Path) -> int | None:
    """The reaper's pid while it holds the lock."""
    try:
        with lock.open("r+") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return int(file.read() or 0) or None
    except (FileNotFoundError, PermissionError, ValueError):
        return None
    return None
