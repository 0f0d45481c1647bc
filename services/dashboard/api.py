"""The REST API, through the client package: connections that all users share, and calls that go side by side."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

import httpx
from opentelemetry.propagate import inject

from brightrun.client import Client
from brightrun.credentials import Credentials
from brightrun.errors import ApiError, BrightrunError, Unreachable
from brightrun.http import Http
from services.dashboard.settings import Settings

# A page asks for up to ten things at once; more wait for a thread.
_AT_ONCE = 32
# One try and one more: a person waits, and what stays away is said.
_TRIES, _LONGEST_WAIT_S = 2, 1.0


@dataclass(frozen=True)
class Outcome:
    """What a card is made of: a value, or why there is none."""

    value: Any = None
    problem: BrightrunError | None = None

    @property
    def is_away(self) -> bool:
        """The service behind it does not answer; it may in a moment."""
        return isinstance(self.problem, Unreachable) or (
            isinstance(self.problem, ApiError) and self.problem.status >= 500)

    def needed(self) -> Any:
        """The value of what a page cannot do without. Raises what went wrong."""
        if self.problem is not None:
            raise self.problem
        return self.value


class Api:
    """One for the process; `client` makes a light one for each request."""

    def __init__(self, settings: Settings) -> None:
        limits = httpx.Limits(max_connections=100, max_keepalive_connections=_AT_ONCE)
        self.url = settings.api_url
        self._pool = httpx.Client(timeout=settings.api_timeout_s, limits=limits)
        self.streams = httpx.AsyncClient(limits=httpx.Limits(max_connections=1_000, max_keepalive_connections=20))
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="api")

    def credentials(self, credential: str) -> Credentials:
        return Credentials(self.url, credential, "session")

    def client(self, credential: str) -> Client:
        headers: dict[str, str] = {}
        inject(headers)  # the same trace from the browser's request on
        return Client(http=Http(self.credentials(credential), tries=_TRIES, pool=self._pool, headers=headers,
                                longest_wait_s=_LONGEST_WAIT_S))

    def together(self, **calls: Callable[[], Any]) -> dict[str, Outcome]:
        """All of them side by side; one that fails leaves the others alone."""
        running = {name: self._threads.submit(copy_context().run, attempt, call) for name, call in calls.items()}
        return {name: future.result() for name, future in running.items()}

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._pool.close()
        await self.streams.aclose()


def attempt(call: Callable[[], Any]) -> Outcome:
    try:
        return Outcome(call())
    except BrightrunError as error:
        return Outcome(problem=error)
