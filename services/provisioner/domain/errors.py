"""What is refused, and why: `subscribers/problems.py` says how it is told."""


class Refused(Exception):
    """The text is for people."""


class AttemptSuperseded(Refused):
    """The attempt does not count any more."""

    def __init__(self, attempt: int, reason: str) -> None:
        super().__init__(f"Attempt {attempt} does not count any more: {reason}.")


class AttemptNotFound(Refused):
    """There is no such attempt in this workspace."""


class KeyRefused(Refused, ValueError):
    """The pod asked for an object that is not its own; the text says which rule was broken."""


class RateLimited(Refused):
    """The job asks more often than it needs to."""

    def __init__(self, method: str, retry_after_s: float) -> None:
        super().__init__(f"This pod asks for {method} too often.")
        self.retry_after_s = retry_after_s


class NewestCheckpointKept(Refused):
    """The newest checkpoint is never given up: it may be all there is."""
