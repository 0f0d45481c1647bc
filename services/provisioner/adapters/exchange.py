"""One way to any provider's REST API: one pause for all after a 429, which failures are worth another try, and whether
what failed can have had an effect."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from typing import Any

import httpx

from chassis.backoff import doubling_s
from services.provisioner.ports import AskLater, ProviderError

_TRIES = 3
NO_SECRETS: Mapping[str, str] = {}


class RateLimited(AskLater):
    """429, with the pause that the provider asks for."""


class Unavailable(ProviderError):
    """5xx, a timeout, a broken connection: what was asked for may have been done."""


class NotSent(ProviderError):
    """No connection: what was asked for has not been done."""


class Exchange:
    """`who` and `busy` (a 429 in words) are said in errors; `error_of` tells the error behind an answer that is no
    success, without the values of the secrets; a pause longer than `patience_s` is not waited out."""

    def __init__(
        self, client: httpx.AsyncClient, *, who: str, busy: str, patience_s: float,
        error_of: Callable[[httpx.Response, Mapping[str, str]], ProviderError],
    ) -> None:
        self._client, self._who, self._busy = client, who, busy
        self._patience_s, self._error_of = patience_s, error_of
        self._closed_until = 0.0

    def apart(self) -> Exchange:
        """The same connections with a rate limit of their own."""
        other = copy(self)
        other._closed_until = 0.0
        return other

    async def repeated(
        self, method: str, path: str, secrets: Mapping[str, str] = NO_SECRETS, **more: Any
    ) -> httpx.Response:
        """For what has one effect however often it is asked for. Raises ProviderError."""
        for failures in range(1, _TRIES):
            try:
                return await self.once(method, path, secrets, **more)
            except (Unavailable, NotSent):
                await asyncio.sleep(doubling_s(failures, 0.2))
        return await self.once(method, path, secrets, **more)

    async def once(
        self, method: str, path: str, secrets: Mapping[str, str] = NO_SECRETS, **more: Any
    ) -> httpx.Response:
        """NotSent: certainly not done; Unavailable: perhaps. Raises ProviderError."""
        while True:
            await self.permitted()
            with self.failures_told():
                answer = await self._client.request(method, path, **more)
            if answer.is_success:
                return answer
            error = self._error_of(answer, secrets)
            if not isinstance(error, RateLimited):
                raise error
            self._closed_until = time.monotonic() + error.retry_after_s

    async def permitted(self) -> None:
        """After a 429 nobody here asks before the time that was named. Raises RateLimited if that is long."""
        while (left_s := self._closed_until - time.monotonic()) > 0:
            if left_s > self._patience_s:
                raise RateLimited(f"{self._busy}; it asks to wait {left_s:.0f} s", left_s)
            await asyncio.sleep(left_s)

    @contextmanager
    def failures_told(self) -> Iterator[None]:
        """A failure of the connection, told by whether the request can have arrived. No URL, no header in the text."""
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            raise NotSent(f"{self._who} cannot be reached") from None
        except httpx.TimeoutException:
            raise Unavailable(f"{self._who} did not answer in time") from None
        except httpx.TransportError as error:
            raise Unavailable(f"the connection to {self._who} broke ({type(error).__name__})") from None
