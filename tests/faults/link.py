"""A network link that can be cut: a TCP proxy between a pod and the broker."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Self

_CHUNK_BYTES = 65_536


class Link:
    """`port` leads to `target` while the link is whole. Cut, connections break and new ones get no answer."""

    def __init__(self, target: int) -> None:
        self._target, self._whole = target, asyncio.Event()
        self._whole.set()
        self._open = set[asyncio.StreamWriter]()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cut()
        self._whole.set()
        assert self._server is not None
        self._server.close()

    def cut(self) -> None:
        self._whole.clear()
        for writer in list(self._open):
            writer.transport.abort()

    def mend(self) -> None:
        self._whole.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            await self._whole.wait()
            there_reader, there = await asyncio.open_connection("127.0.0.1", self._target)
            self._open.add(there)
            await asyncio.gather(_pump(reader, there), _pump(there_reader, writer))
        except OSError:
            pass
        finally:
            self._open.discard(writer)
            writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(_CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    writer.close()
