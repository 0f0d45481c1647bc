"""What can go wrong with a backup, in words a person can act on."""

from __future__ import annotations


class BackupError(Exception):
    """`str(error)` says what is wrong and where; `fix` what to do about it."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.fix = fix
