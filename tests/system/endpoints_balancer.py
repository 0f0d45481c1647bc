"""A balancer that knows its pods as Kubernetes' endpoints do: by their readiness, and a moment late."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count

import httpx

from stack.parts import free_port

PROBE_EVERY_S = 0.2
# From a failed probe to the last new connection: endpoints are told to every node.
LEARNS_AFTER_S = 1.0


@dataclass
class EndpointsBalancer:
    """New connections go round the pods that are listed; one that is open stays until either side closes it."""

    pods: tuple[int, ...]
    port: int = field(default_factory=free_port)
    listed: set[int] = field(default_factory=set)
    _turn: count = field(default_factory=count)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        watchers = [asyncio.create_task(self._watch(pod)) for pod in self.pods]
        server = await asyncio.start_server(self._connection, "127.0.0.1", self.port)
        try:
            yield
        finally:
            server.close()
            for watcher in watchers:
                watcher.cancel()

    async def all_listed(self) -> None:
        while self.listed != set(self.pods):
            await asyncio.sleep(0.05)

    async def _watch(self, pod: int) -> None:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{pod}", timeout=2) as client:
            while True:
                ready = await _is_ready(client)
                if ready != (pod in self.listed):
                    await asyncio.sleep(LEARNS_AFTER_S)
                    (self.listed.add if ready else self.listed.discard)(pod)
                await asyncio.sleep(PROBE_EVERY_S)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """No second try with another pod: whatever a pod refuses or cuts, its caller sees."""
        listed = sorted(self.listed)
        with suppress(OSError):
            upstream, downstream = await asyncio.open_connection("127.0.0.1", listed[next(self._turn) % len(listed)])
            await asyncio.gather(_pass_on(reader, downstream), _pass_on(upstream, writer))
        writer.close()


async def _is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/health/ready")).status_code == 200
    except httpx.TransportError:
        return False


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    target.close()
