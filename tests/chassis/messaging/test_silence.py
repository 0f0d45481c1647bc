"""The broker falls silent: the connection stays open and nothing comes back, as with dropped packets."""

import asyncio
import time
from contextlib import suppress

import pytest

from chassis.cancellation import cancel_and_wait
from chassis.messaging.connection import NatsConnection
from stack.parts import NatsPart
from tests.fixtures.partition import Partition
from tests.services.job_api.waiting import eventually

PATIENCE_S = 90.0


async def speak(connection: NatsConnection) -> None:
    """More than the buffers of any connection hold."""
    while True:
        with suppress(Exception):
            await connection.client.publish("any", bytes(256 * 1024))
        await asyncio.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
async def test_it_is_noticed_and_over_when_it_answers_again(nats: NatsPart, busy: bool) -> None:
    with Partition(lambda: nats.port) as link:
        connection = NatsConnection(f"nats://127.0.0.1:{link.port}", name="silence", inbox_prefix="_INBOX_silence")
        assert await connection.start()
        speaking = [asyncio.create_task(speak(connection))] if busy else []
        with link.silent():
            began = time.monotonic()
            await eventually(lambda: not connection.is_connected, PATIENCE_S)
            print(f"noticed after {time.monotonic() - began:.1f} s", flush=True)
            await asyncio.sleep(15)  # a client that is made anew meanwhile cannot connect either
        began = time.monotonic()
        await eventually(lambda: connection.is_connected, PATIENCE_S)
        print(f"connected again {time.monotonic() - began:.1f} s after it answered", flush=True)
        await cancel_and_wait(*speaking)
        await connection.client.flush(timeout=10)
        await connection.stop()
