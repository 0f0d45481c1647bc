"""How retries went."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Success:
    """Of `retries`, `ended` have ended; cancelled ones are not counted at all."""

    retries: int = 0
    ended: int = 0
    completed: int = 0

    @property
    def rate(self) -> float | None:
        """Share of the ended ones that completed; None before one has ended."""
        return round(self.completed / self.ended, 4) if self.ended else None

    def __add__(self, other: "Success") -> "Success":
        return Success(self.retries + other.retries, self.ended + other.ended, self.completed + other.completed)
