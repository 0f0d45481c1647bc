"""The counters in Valkey: one number for each limit, and one round trip for all limits of a request.

The generic cell rate algorithm. The number is the moment at which everything that was used has come back; a request
moves it on by `window / quota`, and is refused when that would be more than a window away from now. Time is Valkey's,
one for all replicas. Either every limit of a request is charged or none.

Large quotas are taken a few requests at a time, so that not every read waits for Valkey: what a twentieth of a second
may use, kept for a second at most. A quota of less than twenty a second is counted one by one, to the request.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import structlog
from cachetools import TTLCache
from prometheus_client import CollectorRegistry, Counter

from chassis.clock import Clock
from services.job_api.edge.rate_limits.policies import Limit

if TYPE_CHECKING:
    from redis.asyncio import Redis

_PATIENCE_S = 0.25
# So long nobody waits for a Valkey that has just failed.
_PAUSE_S = 2.0
_PREFIX = "rate:"

# A process holds a portion that it has taken so long.
_HELD_S = 1.0
_PORTIONS_PER_S = 20
_PORTIONS = 10_000

# KEYS: one for each limit. ARGV: how many requests; then quota and window (microseconds) of each limit. Returns for
# each: whether it was refused, what remains, microseconds until everything has come back, microseconds until that many
# are possible.
_CHARGE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local refused, states = false, {}
for i, key in ipairs(KEYS) do
  local quota, window = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local back = math.max(tonumber(redis.call('GET', key) or now), now)
  local moved = back + ARGV[1] * window / quota
  local over = moved - now > window
  refused = refused or over
  states[i] = {over, quota, window, back, moved, key}
end
local answer = {}
for i, state in ipairs(states) do
  local over, quota, window, back, moved, key = unpack(state)
  if not refused then
    back = moved
    redis.call('SET', key, string.format('%.0f', back), 'PX', math.ceil((back - now) / 1000) + 1)
  end
  local remaining = math.floor((window - (back - now)) * quota / window + 0.000001)
  answer[i] = {over and 1 or 0, math.max(remaining, 0), math.floor(back - now), math.floor(moved - now - window)}
end
return answer
"""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class State:
    """Of one limit after a request. Times in seconds."""

    limit: Limit
    refused: bool
    remaining: int
    full_in_s: float
    retry_in_s: float


@dataclass
class Portion:
    """Requests that were charged beforehand, and what Valkey said then."""

    states: list[State]
    left: int

    def use(self) -> list[State]:
        self.left -= 1
        return [replace(state, remaining=state.remaining + self.left) for state in self.states]


class Counters:
    """Over Valkey. Whoever cannot be counted is let through."""

    def __init__(self, redis: "Redis", clock: Clock, registry: CollectorRegistry) -> None:
        self._clock = clock
        self._charge = cast(Callable[..., Awaitable[Any]], redis.register_script(_CHARGE))
        self._paused_until = float("-inf")
        self._portions: TTLCache[tuple[Limit, ...], Portion] = TTLCache(_PORTIONS, _HELD_S, timer=clock.monotonic)
        self._unavailable = Counter(
            "brightrun_rate_limit_unavailable", "Requests that were not counted because Valkey did not answer",
            registry=registry)

    async def charge(self, limits: Sequence[Limit]) -> list[State]:
        """Empty when nothing could be counted."""
        if not limits:
            return []
        held = self._portions.get(tuple(limits))
        if held is not None and held.left > 0:
            return held.use()
        count = min(_portion(limit) for limit in limits)
        states = await self._ask(limits, count)
        if count > 1 and any(state.refused for state in states):
            return await self._ask(limits, 1)  # the last ones are given out singly
        if count > 1 and states:
            self._portions[tuple(limits)] = portion = Portion(states, count)
            return portion.use()
        return states

    async def _ask(self, limits: Sequence[Limit], count: int) -> list[State]:
        if self._clock.monotonic() < self._paused_until:
            self._unavailable.inc()
            return []
        try:
            async with asyncio.timeout(_PATIENCE_S):
                keys = [_PREFIX + _key(limit) for limit in limits]
                found = await self._charge(keys=keys, args=[count, *_arguments(limits)])
        except Exception as error:  # a limit protects the service; without it the service still works
            self._paused_until = self._clock.monotonic() + _PAUSE_S
            self._unavailable.inc()
            log.warning("rate_limits_not_counted", error=repr(error))
            return []
        return [State(limit, bool(over), remaining, full / 1e6, max(0, retry) / 1e6)
                for limit, (over, remaining, full, retry) in zip(limits, found, strict=True)]


def _portion(limit: Limit) -> int:
    return max(1, limit.quota.requests // (limit.quota.window_s * _PORTIONS_PER_S))


def _key(limit: Limit) -> str:
    return f"{limit.of}:{limit.name}"


def _arguments(limits: Sequence[Limit]) -> list[int]:
    return [number for limit in limits for number in (limit.quota.requests, limit.quota.window_s * 1_000_000)]
