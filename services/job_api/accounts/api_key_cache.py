"""API keys that were just looked up: a client's burst of requests costs one query."""

from datetime import datetime

from cachetools import TTLCache

from chassis.clock import Clock
from services.job_api.edge.auth import ApiKeyLookup, ApiKeyRecord

MAX_AGE_S = 2.0
_CAPACITY = 1_000


class ApiKeyCache:
    """`ApiKeyLookup` over another one. Unknown keys are never remembered, so a new key works at once.

    A key revoked by this process stops working at once, one revoked by another replica as soon as the database has
    said so (CredentialNews), within `MAX_AGE_S` at the latest.
    """

    def __init__(self, lookup: ApiKeyLookup, clock: Clock) -> None:
        self._lookup = lookup
        self._known: TTLCache[str, ApiKeyRecord] = TTLCache(_CAPACITY, MAX_AGE_S, timer=clock.monotonic)
        self._forgotten = 0

    async def find(self, prefix: str) -> ApiKeyRecord | None:
        if (known := self._known.get(prefix)) is not None:
            return known
        forgotten, record = self._forgotten, await self._lookup.find(prefix)
        if record is not None and forgotten == self._forgotten:  # else it may have been revoked while it was read
            self._known[prefix] = record
        return record

    async def touch(self, prefix: str, used_at: datetime) -> None:
        await self._lookup.touch(prefix, used_at)
        self.forget(prefix)

    def forget(self, prefix: str) -> None:
        self._forgotten += 1
        self._known.pop(prefix, None)

    def clear(self) -> None:
        self._forgotten += 1
        self._known.clear()
