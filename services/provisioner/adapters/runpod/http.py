"""One way to RunPod: key, deadlines, rate limit, and which failures are worth another try."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from copy import copy
from typing import Any

import httpx

from chassis.backoff import doubling_s
from services.provisioner.adapters.runpod.configuration import Configuration
from services.provisioner.adapters.runpod.errors import NotSent, RateLimited, Unavailable, error_of

# Reading and deleting can be repeated; a create never is.
_TRIES = 3
_NOTHING: Mapping[str, str] = {}


class Http:
    def __init__(self, configuration: Configuration, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._patience_s = configuration.patience_s
        self._key = {"key": configuration.api_key}
        self._closed_until = 0.0
        self._client = httpx.AsyncClient(
            base_url=configuration.url, timeout=configuration.timeout_s, transport=transport,
            headers={"Authorization": f"Bearer {configuration.api_key}"})

    def apart(self) -> Http:
        """The same connections with a rate limit of their own."""
        other = copy(self)
        other._closed_until = 0.0
        return other

    async def get(self, path: str, **query: str) -> httpx.Response:
        return await self._repeated("GET", path, params=query)

    async def delete(self, path: str) -> httpx.Response:
        return await self._repeated("DELETE", path)

    async def post(self, path: str, body: Any, secrets: Mapping[str, str] = _NOTHING) -> httpx.Response:
        """Once. NotSent: certainly not done; Unavailable: perhaps. `secrets` are kept out of errors."""
        return await self._once("POST", path, secrets, json=body)

    @asynccontextmanager
    async def stream(self, path: str, **query: str) -> AsyncIterator[httpx.Response]:
        await self._wait_for_permission()
        with _as_provider_errors():
            async with self._client.stream("GET", path, params=query) as answer:
                if not answer.is_success:
                    await answer.aread()
                    raise error_of(answer, self._key)
                yield answer

    async def _repeated(self, method: str, path: str, **more: Any) -> httpx.Response:
        for failures in range(1, _TRIES):
            try:
                return await self._once(method, path, _NOTHING, **more)
            except (Unavailable, NotSent):
                await asyncio.sleep(doubling_s(failures, 0.2))
        return await self._once(method, path, _NOTHING, **more)

    async def _once(self, method: str, path: str, secrets: Mapping[str, str], **more: Any) -> httpx.Response:
        """Raises ProviderError."""
        while True:
            await self._wait_for_permission()
            with _as_provider_errors():
                answer = await self._client.request(method, path, **more)
            if answer.is_success:
                return answer
            error = error_of(answer, {**secrets, **self._key})
            if not isinstance(error, RateLimited):
                raise error
            self._closed_until = time.monotonic() + error.retry_after_s

    async def _wait_for_permission(self) -> None:
        """After a 429 nobody here asks before the time that the provider named. Raises RateLimited if that is long."""
        while (left_s := self._closed_until - time.monotonic()) > 0:
            if left_s > self._patience_s:
                raise RateLimited(f"RunPod's rate limit is reached; it asks to wait {left_s:.0f} s", left_s)
            await asyncio.sleep(left_s)


class _as_provider_errors:  # noqa: N801 - read as a statement
    """A failure of the connection, told by whether the request can have arrived. No URL, no header in the text."""

    def __enter__(self) -> None: ...

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
            raise NotSent("RunPod cannot be reached") from None
        if isinstance(error, httpx.TimeoutException):
            raise Unavailable("RunPod did not answer in time") from None
        if isinstance(error, httpx.TransportError):
            raise Unavailable(f"the connection to RunPod broke ({type(error).__name__})") from None
