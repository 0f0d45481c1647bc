"""One way to the API server: token, certificates, deadlines, and which failures are worth another try."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import httpx

from chassis.backoff import doubling_s
from services.provisioner.adapters.kubernetes.configuration import Configuration
from services.provisioner.adapters.kubernetes.errors import NotSent, RateLimited, Unavailable, error_of
from services.provisioner.ports import ProviderError

# Every request can be repeated: what was made once is not made again under its name.
_TRIES = 3
_NOTHING: Mapping[str, str] = {}


class TokenFile(httpx.Auth):
    """The cluster writes a new token into the file before the old one expires: it is read for every request."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> str:
        """Raises NotSent."""
        try:
            return self._path.read_text().strip()
        except (OSError, UnicodeError) as error:
            raise NotSent(f"the token of the cluster cannot be read ({type(error).__name__})") from None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self.read()}"
        yield request


class Http:
    def __init__(self, configuration: Configuration) -> None:
        self._patience_s = configuration.patience_s
        self._token = TokenFile(configuration.token_file)
        self._closed_until = 0.0
        verify = ssl.create_default_context(cafile=configuration.ca_file) if configuration.ca_file else False
        # The API server is spoken to directly: no proxy of the surroundings is to see its token.
        self._client = httpx.AsyncClient(base_url=configuration.url, timeout=configuration.timeout_s, verify=verify,
                                         auth=self._token, trust_env=False)

    async def request(
        self, method: str, path: str, *, query: Mapping[str, str] = _NOTHING, body: Any = None,
        secrets: Mapping[str, str] = _NOTHING, content_type: str = "application/json",
    ) -> httpx.Response:
        """NotSent: certainly not done; Unavailable: perhaps. `secrets` are kept out of errors. Raises ProviderError."""
        more: dict[str, Any] = {"params": query}
        if body is not None:
            more |= {"json": body, "headers": {"Content-Type": content_type}}
        for failures in range(1, _TRIES):
            try:
                return await self._once(method, path, secrets, **more)
            except (Unavailable, NotSent):
                await asyncio.sleep(doubling_s(failures, 0.2))
        return await self._once(method, path, secrets, **more)

    async def _once(self, method: str, path: str, secrets: Mapping[str, str], **more: Any) -> httpx.Response:
        while True:
            await self._wait_for_permission()
            with _as_provider_errors():
                answer = await self._client.request(method, path, **more)
            if answer.is_success:
                return answer
            error: ProviderError = error_of(answer, {**secrets, "token": self._token.read()})
            if not isinstance(error, RateLimited):
                raise error
            self._closed_until = time.monotonic() + error.retry_after_s

    async def _wait_for_permission(self) -> None:
        """After a 429 nobody here asks before the time that was named. Raises RateLimited if that is long."""
        while (left_s := self._closed_until - time.monotonic()) > 0:
            if left_s > self._patience_s:
                raise RateLimited(f"the cluster's API server is busy; it asks to wait {left_s:.0f} s", left_s)
            await asyncio.sleep(left_s)


class _as_provider_errors:  # noqa: N801 - read as a statement
    """A failure of the connection, told by whether the request can have arrived. No URL, no header in the text."""

    def __enter__(self) -> None: ...

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
            raise NotSent("the cluster's API server cannot be reached") from None
        if isinstance(error, httpx.TimeoutException):
            raise Unavailable("the cluster's API server did not answer in time") from None
        if isinstance(error, httpx.TransportError):
            raise Unavailable(f"the connection to the cluster broke ({type(error).__name__})") from None
