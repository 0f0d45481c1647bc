"""The cluster's API server: its token, its certificates, and how its requests are written."""

from __future__ import annotations

import ssl
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import httpx

from services.provisioner.adapters.exchange import NO_SECRETS, Exchange, NotSent
from services.provisioner.adapters.kubernetes.configuration import Configuration
from services.provisioner.adapters.kubernetes.errors import error_of
from services.provisioner.ports import ProviderError

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
    """Every request can be repeated: what was made once is not made again under its name."""

    def __init__(self, configuration: Configuration) -> None:
        self._token = TokenFile(configuration.token_file)
        verify = ssl.create_default_context(cafile=configuration.ca_file) if configuration.ca_file else False
        # The API server is spoken to directly: no proxy of the surroundings is to see its token.
        client = httpx.AsyncClient(base_url=configuration.url, timeout=configuration.timeout_s, verify=verify,
                                   auth=self._token, trust_env=False)
        self._exchange = Exchange(
            client, who="the cluster's API server", busy="the cluster's API server is busy",
            patience_s=configuration.patience_s, error_of=self._error_of)

    async def request(
        self, method: str, path: str, *, query: Mapping[str, str] = _NOTHING, body: Any = None,
        secrets: Mapping[str, str] = NO_SECRETS, content_type: str = "application/json",
    ) -> httpx.Response:
        """`secrets` are kept out of errors. Raises ProviderError."""
        more: dict[str, Any] = {"params": query}
        if body is not None:
            more |= {"json": body, "headers": {"Content-Type": content_type}}
        return await self._exchange.repeated(method, path, secrets, **more)

    def _error_of(self, answer: httpx.Response, secrets: Mapping[str, str]) -> ProviderError:
        return error_of(answer, {**secrets, "token": self._token.read()})
