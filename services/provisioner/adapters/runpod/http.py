"""RunPod's API: its key, and which of its requests may be repeated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from copy import copy
from typing import Any

import httpx

from services.provisioner.adapters.exchange import NO_SECRETS, Exchange
from services.provisioner.adapters.runpod.configuration import Configuration
from services.provisioner.adapters.runpod.errors import error_of
from services.provisioner.ports import ProviderError


class Http:
    """Reading and deleting can be repeated; a create never is."""

    def __init__(self, configuration: Configuration, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._key = {"key": configuration.api_key}
        self._client = httpx.AsyncClient(
            base_url=configuration.url, timeout=configuration.timeout_s, transport=transport,
            headers={"Authorization": f"Bearer {configuration.api_key}"})
        self._exchange = Exchange(
            self._client, who="RunPod", busy="RunPod's rate limit is reached", patience_s=configuration.patience_s,
            error_of=self._error_of)

    def apart(self) -> Http:
        """The same connections with a rate limit of their own."""
        other = copy(self)
        other._exchange = self._exchange.apart()
        return other

    async def get(self, path: str, **query: str) -> httpx.Response:
        return await self._exchange.repeated("GET", path, params=query)

    async def delete(self, path: str) -> httpx.Response:
        return await self._exchange.repeated("DELETE", path)

    async def post(self, path: str, body: Any, secrets: Mapping[str, str] = NO_SECRETS) -> httpx.Response:
        """Once. `secrets` are kept out of errors."""
        return await self._exchange.once("POST", path, secrets, json=body)

    @asynccontextmanager
    async def stream(self, path: str, **query: str) -> AsyncIterator[httpx.Response]:
        await self._exchange.permitted()
        with self._exchange.failures_told():
            async with self._client.stream("GET", path, params=query) as answer:
                if not answer.is_success:
                    await answer.aread()
                    raise self._error_of(answer, NO_SECRETS)
                yield answer

    def _error_of(self, answer: httpx.Response, secrets: Mapping[str, str]) -> ProviderError:
        return error_of(answer, {**secrets, **self._key})
