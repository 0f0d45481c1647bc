"""The services' signing key is replaced under traffic: nobody is left out, and what it had signed counts no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import nats as nats_client
import pytest
from nats.errors import Error as NatsError

from chassis.messaging.connection import NatsConnection, NotConnected
from stack.broker_rotation import Broker, rotate
from stack.nats_security import NatsSecurity
from stack.problems import StackError
from tests.stack.secured import Secured, secured_server


@pytest.fixture
async def secured(tmp_path: Path, start_part: Any) -> AsyncIterator[Secured]:
    async for server in secured_server(tmp_path, start_part):
        yield server


async def _service(secured: Secured, name: str) -> NatsConnection:
    connection = NatsConnection(secured.server.url, name=name, inbox_prefix=f"_INBOX_{name}",
                                creds_file=str(secured.security.creds_file(name)))
    assert await connection.start()
    return connection


@pytest.mark.slow
async def test_events_go_on_while_the_key_is_replaced(secured: Secured) -> None:
    job, confirmed, stop = uuid4(), list[int](), asyncio.Event()
    service, pod = await _service(secured, "job_api"), await secured.pod(job)
    old = secured.security.creds_file("job_api").read_bytes()

    async def publish() -> None:
        """As the relay does: again, until the stream confirms; the id makes the second one a duplicate."""
        number = 0
        while not stop.is_set():
            headers = {"Nats-Msg-Id": f"{job}-{number}"}
            try:
                await service.jetstream.publish(f"job.created.{job}", str(number).encode(), headers=headers, timeout=1)
            except (NotConnected, NatsError, TimeoutError):
                await asyncio.sleep(0.05)
                continue
            confirmed.append(number)
            number += 1
            await asyncio.sleep(0.005)

    publishing = asyncio.create_task(publish())
    await asyncio.sleep(0.3)
    await rotate(secured.security.folder, Broker(secured.server.url), settle_s=3.0)
    reached = len(confirmed)
    await asyncio.sleep(0.5)
    stop.set()
    await publishing
    assert len(confirmed) > reached > 20
    streams = await secured.streams()
    assert (await streams.stream_info("JOBS")).state.messages == len(confirmed)  # each once
    assert pod.is_connected  # it never noticed
    await pod.jetstream(timeout=5).publish(f"metrics.reported.{job}", b"{}")
    await _refused(secured, old)
    await service.stop()


async def _refused(secured: Secured, creds: bytes) -> None:
    path = secured.security.folder / "old.creds"
    path.write_bytes(creds)
    with pytest.raises(NatsError, match="Authorization Violation"):
        await nats_client.connect(secured.server.url, user_credentials=str(path), allow_reconnect=False,
                                  max_reconnect_attempts=0)


@pytest.mark.slow
async def test_an_interrupted_rotation_goes_on_and_the_next_start_agrees(secured: Secured) -> None:
    begun = secured.security.begin_rotation()
    with pytest.raises(StackError, match="being rotated already"):
        begun.begin_rotation()
    await rotate(secured.security.folder, Broker(secured.server.url), settle_s=0.1)
    assert NatsSecurity.load(secured.security.folder).retiring is None
    secured.server.stop()
    NatsSecurity.ensure(secured.security.folder)
    secured.server.start()
    for name in ("job_api", "topology"):
        assert (await secured.service(name)).is_connected


async def test_without_a_broker_it_says_so(tmp_path: Path) -> None:
    NatsSecurity.ensure(tmp_path / "nats")
    with pytest.raises(StackError, match="was not told"):
        await rotate(tmp_path / "nats", Broker("nats://127.0.0.1:1"), settle_s=0)
