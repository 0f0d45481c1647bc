"""What is refused about a sign-in."""

from services.job_api.errors import DomainError


class SignInDisabled(DomainError):
    """The installation has no issuer."""


class RedirectRefused(DomainError):
    """Nobody said that a sign-in may lead there."""


class SignInUnknown(DomainError):
    """Never begun, begun in another browser, used before, or too old."""


class SignInFailed(DomainError):
    """The issuer refused, or what it said does not hold. `reason` is for the log and the audit log's reader."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SignInNotAllowed(DomainError):
    """The issuer vouches for somebody who is nobody here."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class GrantRefused(DomainError):
    """The code is unknown, used before or too old, or its verifier is another one's."""


class NotASession(DomainError):
    """Only a session can be signed out of."""
