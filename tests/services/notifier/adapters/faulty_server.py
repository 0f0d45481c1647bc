"""A TCP server that breaks off at a chosen moment."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Dialogue = Callable[[socket.socket], None]


class FaultyServer:
    """Holds `dialogue` with each client, then cuts the connection. `received` is all that came in."""

    def __init__(self, dialogue: Dialogue) -> None:
        self.clients, self.received = 0, b""
        self._dialogue = dialogue
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.clients += 1
            threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        client.settimeout(5)
        with client, suppress(OSError):
            with suppress(OSError):
                self._dialogue(_Recorded(client, self))  # type: ignore[arg-type]
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not an end


class _Recorded:
    def __init__(self, client: socket.socket, server: FaultyServer) -> None:
        self.plain, self._server = client, server

    def recv(self, size: int) -> bytes:
        data = self.plain.recv(size)
        self._server.received += data
        return data

    def sendall(self, data: bytes) -> None:
        self.plain.sendall(data)


@contextmanager
def faulty(dialogue: Dialogue) -> Iterator[FaultyServer]:
    server = FaultyServer(dialogue)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def full_backlog() -> Iterator[int]:
    """A port at which connections are neither taken nor refused."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for client in waiting:
            client.close()
