"""The key that signs the services' broker users, replaced while everything runs: `python -m stack rotate-broker`.

1. The broker is told that a new key signs beside the one before.  2. Every service is given a user that the new key
signed, and connects with it as soon as it notices the file (a second or two).  3. The broker is told that the key
before signs no more: whoever still shows what it signed is disconnected, and reads the file again.

Pods live in accounts of their own and notice nothing.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path

from nats.aio.client import Client
from nats.errors import Error as NatsError

from chassis.messaging.nats_jwt import ClaimsRefused, publish_account
from chassis.messaging.tls import TlsOnlyClient, nats_tls
from stack.layout import Layout
from stack.nats_security import SYSTEM_USER, NatsSecurity
from stack.parts.process import LOOPBACK
from stack.problems import StackError
from stack.state import read_state

# Longer than services take to notice a new file.
SETTLE_S = 5.0


@dataclass(frozen=True)
class Broker:
    """Where it is, as whoever rotates reaches it."""

    url: str
    tls: ssl.SSLContext | None = None


def rotate_broker(layout: Layout, folder: Path | None, url: str, authority: str) -> None:
    """Of the stack on this machine, or of the broker at `url` whose keys lie in `folder`. Raises StackError."""
    if url:
        asyncio.run(rotate(folder or layout.data / "nats", Broker(url, nats_tls(url, authority))))
        return
    state = read_state(layout)
    if state is None or "nats" not in state.ports:
        raise StackError("The stack is not running.", "Start it with `make up`, or name a broker with --nats.")
    asyncio.run(rotate(layout.data / "nats", Broker(f"nats://{LOOPBACK}:{state.ports['nats']}")))


async def rotate(folder: Path, broker: Broker, settle_s: float = SETTLE_S) -> None:
    """All three steps. Goes on where an earlier run was interrupted. Raises StackError when the broker refuses."""
    security = NatsSecurity.load(folder)
    if security.retiring is None:
        security = security.begin_rotation()
    await _tell(security, broker)
    security.issue_users()
    await asyncio.sleep(settle_s)
    security.end_rotation()
    await _tell(security, broker)


async def _tell(security: NatsSecurity, broker: Broker) -> None:
    client = TlsOnlyClient() if broker.tls else Client()
    try:
        await client.connect(
            broker.url, user_credentials=str(security.creds_file(SYSTEM_USER)), inbox_prefix=b"_INBOX_system",
            allow_reconnect=False, max_reconnect_attempts=1, connect_timeout=3, tls=broker.tls)
        try:
            await publish_account(client, security.accounts()[security.services.public])
        finally:
            await client.close()
    except (ClaimsRefused, NatsError, OSError, TimeoutError) as error:
        raise StackError(f"The broker was not told about its keys: {error}", "Run the command again.") from error
