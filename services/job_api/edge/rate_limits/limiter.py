"""A request is charged once, when it is known who asks; its answer tells what is left.

Headers as draft-ietf-httpapi-ratelimit-headers-10 has them: `RateLimit-Policy` (q: requests, w: seconds) and
`RateLimit` (r: what remains, t: seconds until everything has come back), one item for each limit.
"""

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

from fastapi import Depends, Request
from prometheus_client import CollectorRegistry, Counter
from starlette.types import Scope

from chassis.problems import TooManyRequests
from services.job_api.edge.rate_limits.counters import Counters, State
from services.job_api.edge.rate_limits.policies import Policies, RouteClass, class_of

if TYPE_CHECKING:  # who authenticates asks here
    from services.job_api.edge.auth.principal import Principal


class RateLimiter:
    def __init__(self, policies: Policies, counters: Counters, registry: CollectorRegistry) -> None:
        self._policies, self._counters = policies, counters
        self._refused = Counter(
            "brightrun_rate_limited", "Requests refused because a limit was reached", ["limit"], registry=registry)
        for name in policies.names:  # there from the beginning, so that the first refusal is a step
            self._refused.labels(name)

    async def charge(self, scope: Scope, principal: "Principal") -> None:
        """Raises TooManyRequests."""
        kind = class_of(scope["method"], scope["path"])
        limits = self._policies.for_caller(kind, str(principal.workspace_id), principal.credential)
        self._settle(scope, await self._counters.charge(limits))

    async def charge_address(self, scope: Scope, kind: RouteClass) -> None:
        """For callers that show no valid credentials. Raises TooManyRequests."""
        address = scope["client"][0] if scope.get("client") else ""
        self._settle(scope, await self._counters.charge(self._policies.for_address(kind, address)))

    def _settle(self, scope: Scope, states: Sequence[State]) -> None:
        if not states:
            return
        scope["response_headers"] = _headers(states)
        refused = [state for state in states if state.refused]
        for state in refused:
            self._refused.labels(state.limit.name).inc()
        if refused:
            raise _too_many(max(refused, key=lambda state: state.retry_in_s))


def by_address(kind: RouteClass) -> Any:
    """A dependency of a route that is open to everybody."""

    async def charge(request: Request) -> None:
        limiter: RateLimiter | None = request.app.state.authenticator.limiter
        if limiter is not None:
            await limiter.charge_address(request.scope, kind)

    return Depends(charge)


def _too_many(state: State) -> TooManyRequests:
    quota, name = state.limit.quota, state.limit.name
    whose = {"key": "this key", "workspace": "your workspace", "address": "this address"}[name.rpartition("-")[2]]
    return TooManyRequests(
        f"More than {quota.requests:,} {name.rpartition('-')[0]} in {quota.window_s} s by {whose}.",
        retry_after_s=ceil(state.retry_in_s), limit=name)


def _headers(states: Sequence[State]) -> list[tuple[bytes, bytes]]:
    policy = ", ".join(f'"{s.limit.name}";q={s.limit.quota.requests};w={s.limit.quota.window_s}' for s in states)
    left = ", ".join(f'"{s.limit.name}";r={s.remaining};t={ceil(s.full_in_s)}' for s in states)
    return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode())]
