"""An entry of the audit log. It holds ids and outcomes; never a body, a secret or a text that somebody wrote."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

LONGEST_TEXT = 200


class ActorKind(StrEnum):
    API_KEY = "api_key"
    SESSION = "session"
    JWT = "jwt"
    WEBHOOK = "webhook"
    ANONYMOUS = "anonymous"


class Outcome(StrEnum):
    SUCCEEDED = "succeeded"
    DENIED = "denied"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True)
class Actor:
    """`credential`: the key's or session's prefix, which finds it and opens nothing."""

    kind: ActorKind
    subject: str = ""
    workspace_id: UUID | None = None
    credential: str = ""


ANONYMOUS = Actor(ActorKind.ANONYMOUS)


@dataclass(frozen=True)
class Origin:
    """Where a request came from, as far as the server knows."""

    address: str = ""
    user_agent: str = ""
    trace_id: str | None = None


@dataclass(frozen=True)
class AuditEntry:
    """`operation`: a route's name, which its operationId begins with. `status`: HTTP; 499 when the caller went away."""

    operation: str
    actor: Actor
    target_kind: str
    target_id: str
    origin: Origin
    status: int
    code: str = ""


def outcome_of(status: int) -> Outcome:
    if status < 400:
        return Outcome.SUCCEEDED
    if status in (401, 403):
        return Outcome.DENIED
    return Outcome.REFUSED if status < 500 else Outcome.FAILED


def readable(text: str) -> str:
    """Somebody else's text in one line of limited length."""
    return "".join(character for character in text if character.isprintable())[:LONGEST_TEXT]
