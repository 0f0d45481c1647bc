"""A job's events for an asyncio program, such as a server that passes them on to a browser."""

from collections.abc import AsyncIterator
from typing import Any

import httpx

from brightrun.client import ROOT
from brightrun.credentials import Credentials
from brightrun.errors import ApiError, Unreachable
from brightrun.event_stream import Parser
from brightrun.http import authorized, problem_of

# Three heartbeats.
SILENCE_S = 45.0
Message = tuple[str, str, dict[str, Any]]


async def messages(
    pool: httpx.AsyncClient, credentials: Credentials, job_id: str, after: int = 0
) -> AsyncIterator[Message | None]:
    """(id, event, data) as they come, None for each heartbeat, until the server ends the stream.

    `after`: the number of the last event that was seen. Raises ApiError, Unreachable; nothing is tried again.
    """
    headers = authorized(credentials) | {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
    url, timeout = f"{credentials.url.rstrip('/')}{ROOT}/jobs/{job_id}/stream", httpx.Timeout(10.0, read=SILENCE_S)
    try:
        async with pool.stream("GET", url, headers=headers, timeout=timeout) as response:
            if not response.is_success:
                await response.aread()
                raise ApiError(problem_of(response))
            async for message in _read(response):
                yield message
    except httpx.HTTPError as error:
        raise Unreachable(f"The stream of the API at {credentials.url} broke off ({error or type(error).__name__}).",
                          "It is opened again by itself.") from error


async def _read(response: httpx.Response) -> AsyncIterator[Message | None]:
    parser = Parser()
    async for line in response.aiter_lines():
        if line.startswith(":"):
            yield None
        elif message := parser.feed(line):
            yield message
