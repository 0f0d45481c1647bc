"""API keys that were just looked up: a client's burst of requests costs one query."""

from collections import OrderedDict
from datetime import datetime

from chassis.clock import Clock
from services.job_api.edge.auth import ApiKeyLookup, ApiKeyRecord

MAX_AGE_S = 2.0
_CAPACITY = 1_000


class ApiKeyCache:
    """`ApiKeyLookup` over another one. Unknown keys are never remembered, so a new key works at once.

    A key revoked by this process stops working at once, one revoked by another replica within `MAX_AGE_S`.
    """

    def __init__(self, lookup: ApiKeyLookup, clock: Clock) -> None:
        self._lookup, self._clock = lookup, clock
        self._known: OrderedDict[str, tuple[float, ApiKeyRecord]] = OrderedDict()

    async def find(self, prefix: str) -> ApiKeyRecord | None:
        known = self._known.get(prefix)
        if known is not None and self._clock.monotonic() - known[0] < MAX_AGE_S:
            return known[1]
        asked_at, record = self._clock.monotonic(), await self._lookup.find(prefix)
        self.forget(prefix)
        if record is not None:
            self._known[prefix] = asked_at, record
            if len(self._known) > _CAPACITY:
                self._known.popitem(last=False)
        return record

    async def touch(self, prefix: str, used_at: datetime) -> None:
        await self._lookup.touch(prefix, used_at)
        self.forget(prefix)

    def forget(self, prefix: str) -> None:
        self._known.pop(prefix, None)
