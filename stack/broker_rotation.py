"""The broker's signing keys, replaced while everything runs: `python -m stack rotate-broker [KEY]`.

1. The broker is told that a new key signs beside the one before.  2. What the one before signed is made anew by the
new one, and whoever shows it connects with the new as soon as it notices the file (a second or two).  3. The broker is
told that the key before signs no more: whoever still shows what it signed is refused.

services: their users.  system: the user by which accounts are changed.  pods: a pod keeps the user that it was made
with, so step 3 waits until none is connected by the key before.  operator: every account. The broker trusts the next
key since its start (`stack.nats_keys`) and forgets the one before at its next.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from nats.aio.client import Client
from nats.errors import Error as NatsError

from chassis.messaging.nats_accounts import (
    ClaimsRefused,
    connections_signed_by,
    known_accounts,
    publish_account,
    trusted_signers,
)
from chassis.messaging.nats_jwt import claims_of, resigned
from chassis.messaging.tls import TlsOnlyClient
from stack.nats_keys import OPERATOR_KEY, PODS_KEY, begin_rotation, end_rotation, stored_signing
from stack.nats_security import SYSTEM_USER, NatsSecurity
from stack.problems import StackError

# Longer than services take to notice a new file.
SETTLE_S = 5.0


@dataclass(frozen=True)
class Broker:
    """Where it is, as whoever rotates reaches it. `restart`: has it begin anew with the configuration that it is given
    then; None where somebody else must. `hand_on`: gives new files to those who read copies of them."""

    url: str
    tls: ssl.SSLContext | None = None
    restart: Callable[[NatsSecurity], None] | None = None
    hand_on: Callable[[], None] | None = None

    def files_changed(self) -> None:
        if self.hand_on is not None:
            self.hand_on()


@dataclass(frozen=True)
class Options:
    """`settle_s`: how long both keys count. `keep`: stop before the one before ends; the next run ends it. `now`: end
    it even though pods are connected by it."""

    settle_s: float = SETTLE_S
    keep: bool = False
    now: bool = False


class Outcome(Enum):
    DONE = "what the one before signed is refused"
    KEPT = "what the one before signed still counts: run the command again when all have the new one"
    PODS = "pods that the one before let in still run: run the command again when they have ended (--now cuts them off)"
    RESTART = ("nothing is signed by the one before any more. The broker forgets it when it is restarted with its new "
               "configuration")


async def rotate(folder: Path, broker: Broker, which: str, options: Options | None = None) -> Outcome:
    """Goes on where an earlier run was interrupted or stopped. Raises StackError when the broker refuses."""
    options = options or Options()
    begun = bool(stored_signing(folder, which).retiring)
    if not begun:
        await _begin(folder, broker, which)
    await _tell(folder, broker)
    _issue(folder, which)
    broker.files_changed()
    if options.keep and not begun:
        return Outcome.KEPT
    await asyncio.sleep(options.settle_s)
    if which == PODS_KEY and not options.now and await _pods_left(folder, broker):
        return Outcome.PODS
    return await _end(folder, broker, which)


async def _begin(folder: Path, broker: Broker, which: str) -> None:
    if which == OPERATOR_KEY:
        await _check_standby_is_trusted(folder, broker)
    begin_rotation(folder, which)


async def _end(folder: Path, broker: Broker, which: str) -> Outcome:
    end_rotation(folder, which)
    await _tell(folder, broker)
    broker.files_changed()
    if which != OPERATOR_KEY:
        return Outcome.DONE
    if broker.restart is None:
        return Outcome.RESTART
    await asyncio.to_thread(broker.restart, NatsSecurity.load(folder))
    return Outcome.DONE


def _issue(folder: Path, which: str) -> None:
    """Users of the key before, made anew. Those of pods come from the provisioner, accounts are told."""
    if which not in (PODS_KEY, OPERATOR_KEY):
        NatsSecurity.load(folder).issue_users()


async def _check_standby_is_trusted(folder: Path, broker: Broker) -> None:
    standby = NatsSecurity.load(folder).operator_standby.public
    async with _system(folder, broker) as client:
        if standby not in await trusted_signers(client):
            raise StackError("The broker has not heard of the operator's next key: it reads them when it starts.",
                             "Restart it with its present configuration, then run the command again.")


async def _pods_left(folder: Path, broker: Broker) -> bool:
    async with _system(folder, broker) as client:
        counts = [await connections_signed_by(client, key) for key in stored_signing(folder, PODS_KEY).retiring]
    return any(counts)


async def _tell(folder: Path, broker: Broker) -> None:
    """Every account, by the keys that count now. The provisioner makes those of pods and says the same of them once it
    reads its keys; until then, and of those without a pod, it is said here. What it has just revoked it repeats within
    half a minute."""
    security = NatsSecurity.load(folder)
    own, signer, pods = security.accounts(), security.operator_signing.current, security.pods_signing.public
    async with _system(folder, broker) as client:
        for token in own.values():
            await publish_account(client, token)
        for token in await known_accounts(client):
            if claims_of(token)["sub"] not in own:
                await publish_account(client, resigned(token, signer, pods))


@asynccontextmanager
async def _system(folder: Path, broker: Broker) -> AsyncIterator[Client]:
    """A connection that may change accounts. Raises StackError when the broker is away or refuses."""
    client = TlsOnlyClient() if broker.tls else Client()
    try:
        await client.connect(
            broker.url, user_credentials=str(NatsSecurity.load(folder).creds_file(SYSTEM_USER)),
            inbox_prefix=b"_INBOX_system", allow_reconnect=False, max_reconnect_attempts=1, connect_timeout=3,
            tls=broker.tls)
        try:
            yield client
        finally:
            await client.close()
    except (ClaimsRefused, NatsError, OSError, TimeoutError) as error:
        raise StackError(f"The broker was not told about its keys: {error}", "Run the command again.") from error
