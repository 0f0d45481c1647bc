"""API keys: `br_` + 8 characters that find the row + 40 random ones that prove possession. Sessions (`brs_`) are alike.

Only the SHA-256 is stored. A slow hash is for guessable passwords; 40 random characters (238 bits) are not guessable.
"""

import hashlib
import hmac
import re
import secrets
import string
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol
from uuid import UUID

import structlog

from chassis.clock import Clock
from services.job_api.edge.auth.principal import Principal, Role

KEY_START, SESSION_START = "br_", "brs_"
_ALPHABET = string.ascii_letters + string.digits
_FORM = re.compile(r"(brs?_[A-Za-z0-9]{8})[A-Za-z0-9]{32,128}")
_NO_HASH = hashlib.sha256(b"no such key").digest()
_TOUCH_EVERY = timedelta(minutes=1)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """`secret` is shown to its owner once; `prefix` and `sha256` are what is stored."""

    secret: str
    prefix: str
    sha256: bytes


@dataclass(frozen=True, slots=True)
class ApiKeyRecord:
    prefix: str
    sha256: bytes
    subject: str
    workspace_id: UUID
    roles: frozenset[Role]
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def usable(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class ApiKeyLookup(Protocol):
    """The service that owns the keys implements this over its table."""

    async def find(self, prefix: str) -> ApiKeyRecord | None: ...
    async def touch(self, prefix: str, used_at: datetime) -> None: ...


def new_api_key(start: str = KEY_START) -> NewApiKey:
    secret = start + "".join(secrets.choice(_ALPHABET) for _ in range(48))
    return NewApiKey(secret, claimed_prefix(secret), hash_key(secret))


def claimed_prefix(secret: str) -> str:
    """The part of a presented key that finds it and opens nothing; empty for anything that is no key."""
    found = _FORM.fullmatch(secret)
    return found[1] if found else ""


def hash_key(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


class ApiKeys:
    """Checks presented keys against the lookup; writes "last used" at most once a minute per key."""

    def __init__(
        self, lookup: ApiKeyLookup, clock: Clock, kind: Literal["api_key", "session"] = "api_key"
    ) -> None:
        self._lookup, self._clock, self._kind = lookup, clock, kind

    async def principal(self, secret: str) -> Principal | None:
        """The key's principal, or None: wrong, revoked and expired keys are not told apart."""
        if not (prefix := claimed_prefix(secret)):
            return None
        record = await self._lookup.find(prefix)
        matches = hmac.compare_digest(record.sha256 if record else _NO_HASH, hash_key(secret))
        if record is None or not matches or not record.usable(self._clock.now()):
            return None
        await self._touch(record)
        return Principal(record.subject, record.workspace_id, record.roles, self._kind, record.prefix)

    async def _touch(self, record: ApiKeyRecord) -> None:
        now = self._clock.now()
        if record.last_used_at is not None and now - record.last_used_at < _TOUCH_EVERY:
            return
        try:
            await self._lookup.touch(record.prefix, now)
        except Exception as error:  # a statistic must not refuse a valid caller
            log.warning("api_key_use_not_recorded", key_prefix=record.prefix, error=repr(error))
