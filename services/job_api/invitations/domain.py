"""What an invitation is. Its secret is shown once and stored as a hash, like an API key's."""

import secrets
import string
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

_START = "bri_"
_ALPHABET = string.ascii_letters + string.digits


class Row(Protocol):
    def __getitem__(self, name: str, /) -> Any: ...


class InvitationStatus(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    REVOKED = "revoked"
    EXPIRED = "expired"


def new_invitation_secret() -> str:
    """238 random bits, fit for an address."""
    return _START + "".join(secrets.choice(_ALPHABET) for _ in range(40))


def status_of(row: Row, now: datetime) -> InvitationStatus:
    if row["accepted_at"] is not None:
        return InvitationStatus.ACCEPTED
    if row["revoked_at"] is not None:
        return InvitationStatus.REVOKED
    return InvitationStatus.OPEN if now < row["expires_at"] else InvitationStatus.EXPIRED
