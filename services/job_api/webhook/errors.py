"""Why a webhook is refused."""

from typing import Any
from uuid import UUID

from services.job_api.errors import DomainError


class WebhookDisabled(DomainError):
    """Nobody has a secret to sign with."""


class SignatureRefused(DomainError):
    """The signature is missing, wrong or too old."""


class NotJson(DomainError):
    """The body is no JSON object; the message says why."""


class NotUnderstood(DomainError):
    """The body is neither an event of a pod nor one of the short forms."""


class WrongFields(DomainError):
    """Fields of the event are missing or wrong; `errors` is pydantic's list."""

    def __init__(self, errors: list[Any]) -> None:
        super().__init__(f"{len(errors)} wrong fields")
        self.errors = errors


class NoJobId(DomainError):
    """The body says of no job that it could be about."""


class NoAdapterDelivered(DomainError):
    """A run that completed without weights."""


class EventTooLarge(DomainError):
    """No stream would take it."""

    def __init__(self, kind: str, size: int, limit: int) -> None:
        super().__init__(f"{kind}: {size} bytes")
        self.kind, self.size, self.limit = kind, size, limit


class NoWebhookSecret(DomainError):
    """The workspace has none."""


class JobUnknownToPods(DomainError):
    def __init__(self, job_id: UUID) -> None:
        super().__init__(f"no job {job_id}")
        self.job_id = job_id
