"""A file that cannot be read at all: the fault, its place, and what to do."""

from __future__ import annotations

from typing import ClassVar


class TrainingFileRefused(Exception):
    """The file as a whole is refused. `code` is stable, `place` names where the fault is.

    `status` is the HTTP status that an upload is answered with.
    """

    status: ClassVar[int] = 422

    def __init__(self, code: str, message: str, *, place: str = "", suggested_fix: str = "") -> None:
        self.code = code
        self.message = f"{place}: {message}" if place else message
        self.place = place
        self.suggested_fix = suggested_fix
        super().__init__(self.message)


class TrainingFileTooLarge(TrainingFileRefused):
    """The file is over a size limit."""

    status: ClassVar[int] = 413


class UnsupportedTrainingFile(TrainingFileRefused):
    """Compressed, binary, or in none of the five formats."""

    status: ClassVar[int] = 415
