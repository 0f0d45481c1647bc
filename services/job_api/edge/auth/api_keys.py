"""API keys: `br_` + 8 characters that find the row + 40 random ones that prove possession.

Only the SHA-256 is stored. A slow hash is for guessable passwords; 40 random characters (238 bits) are not guessable.
"""

import hashlib
import hmac
import re
import secrets
import string
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import structlog

from chassis.clock import Clock
from services.job_api.edge.auth.principal import Principal, Role

KEY_START = "br_"
_ALPHABET = string.ascii_letters + string.digits
_PREFIX_LENGTH = len(KEY_START) + 8
_FORM = re.compile(r"br_[A-Za-z0-9]{8}[A-Za-z0-9]{32,128}")
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


def new_api_key() -> NewApiKey:
    secret = KEY_START + "".join(secrets.choice(_ALPHABET) for _ in range(48))
    return NewApiKey(secret, secret[:_PREFIX_LENGTH], hash_key(secret))


def claimed_prefix(secret: str) -> str:
    """The part of a presented key that finds it and opens nothing; empty for anything that is no key."""
    return secret[:_PREFIX_LENGTH] if _FORM.fullmatch(secret) else ""


def hash_key(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


class ApiKeys:
    """Checks presented keys against the lookup; writes "last used" at most once a minute per key."""

    def __init__(self, lookup: ApiKeyLookup, clock: Clock) -> None:
        self._lookup, self._clock = lookup, clock

    async def principal(self, secret: str) -> Principal | None:
        """The key's principal, or None: wrong, revoked and expired keys are not told apart."""
        if not _FORM.fullmatch(secret):
            return None
        record = await self._lookup.find(secret[:_PREFIX_LENGTH])
        matches = hmac.compare_digest(record.sha256 if record else _NO_HASH, hash_key(secret))
        if record is None or not matches or not record.usable(self._clock.now()):
            return None
        await self._touch(record)
        return Principal(record.subject, record.workspace_id, record.roles, "api_key", record.prefix)

    async def _touch(self, record: ApiKeyRecord) -> None:
        now = self._clock.now()
        if record.last_used_at is not None and now - record.last_used_at < _TOUCH_EVERY:
            return
        try:
            await self._lookup.touch(record.prefix, now)
        except Exception as error:  # a statistic must not refuse a valid caller
            log.warning("api_key_use_not_recorded", key_prefix=record.prefix, error=repr(error))
