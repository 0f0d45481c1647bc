"""Batches of raw messages: one bad message harms no other, nothing is lost, nothing waits for ack_wait."""

import asyncio
import time
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from chassis.messaging.bus import Bus
from chassis.messaging.dead_letters import DeadLetters
from chassis.messaging.raw_batches import DONE, BatchHandler, Outcome
from chassis.messaging.raw_message import RawMessage
from chassis.messaging.retry import Permanent
from tests.chassis.messaging.pipe import Pipe, PipeSettings, ack_pending, eventually, raw_jetstream


async def publish(pipe: Pipe, *payloads: bytes) -> None:
    js = await raw_jetstream(pipe.nats_url)
    for number, payload in enumerate(payloads):
        await js._nc.publish(f"job.deleted.{number}", payload)
    await js._nc.flush()
    await js._nc.close()


async def batch_bus(pipe: Pipe, handler: BatchHandler, **options: Any) -> Bus:
    bus = Bus(PipeSettings("listener", pipe.nats_url), pipe.database)
    bus.consume_raw_batches(pipe.consumer, handler, **options)
    await bus.start()
    pipe._buses.append(bus)
    return bus


async def settled(pipe: Pipe) -> bool:
    assert await ack_pending(pipe.nats_url, pipe.consumer) == (0, 0)  # the failure shows how many are left
    return True


async def test_good_and_bad_in_one_batch(pipe: Pipe) -> None:
    stored: list[bytes] = []

    async def ingest(batch: list[RawMessage]) -> list[Outcome]:
        good = [raw.data for raw in batch if raw.data != b"bad"]
        stored.extend(good)
        return [Outcome.dead(Permanent("not a point")) if raw.data == b"bad" else DONE for raw in batch]

    await publish(pipe, b"one", b"bad", b"two")
    bus = await batch_bus(pipe, ingest, batch_size=10)
    letters = DeadLetters(bus)

    async def buried() -> bool:
        assert [letter.data for letter in await letters.list()] == [b"bad"]  # the failure shows what there is
        return True

    await eventually(buried)
    await eventually(lambda: settled(pipe))
    assert sorted(stored) == [b"one", b"two"]


async def test_a_message_that_breaks_the_handler_is_isolated(pipe: Pipe) -> None:
    stored: set[bytes] = set()

    async def ingest(batch: list[RawMessage]) -> list[Outcome]:
        if any(raw.data == b"bad" for raw in batch):
            raise RuntimeError("cannot digest")
        stored.update(raw.data for raw in batch)
        return [DONE] * len(batch)

    await publish(pipe, *(b"%d" % n for n in range(10)), b"bad")
    bus = await batch_bus(pipe, ingest, batch_size=50)
    letters = DeadLetters(bus)

    async def buried() -> bool:
        assert [letter.error_type for letter in await letters.list()] == ["RuntimeError"]
        return True

    await eventually(buried)
    assert stored == {b"%d" % n for n in range(10)}
    await eventually(lambda: settled(pipe))


async def test_the_database_away_keeps_every_message(pipe: Pipe) -> None:
    calls, stored = 0, set()

    async def ingest(batch: list[RawMessage]) -> list[Outcome]:
        nonlocal calls
        calls += 1
        if calls <= 4:
            raise OperationalError("COPY", {}, Exception("the database system is starting up"))
        stored.update(raw.data for raw in batch)
        return [DONE] * len(batch)

    pipe.with_consumer(retry_delays_s=())
    await publish(pipe, *(b"%d" % n for n in range(100)))
    bus = await batch_bus(pipe, ingest, batch_size=30)
    await eventually(lambda: settled(pipe))
    assert stored == {b"%d" % n for n in range(100)}
    assert await DeadLetters(bus).list() == []


async def test_a_slow_batch_is_delivered_once(pipe: Pipe) -> None:
    """Keep-alives hold every message of the batch, also with a second replica asking for more."""
    seen: list[bytes] = []

    async def slow(batch: list[RawMessage]) -> list[Outcome]:
        seen.extend(raw.data for raw in batch)
        await asyncio.sleep(2.5)
        return [DONE] * len(batch)

    pipe.with_consumer(ack_wait_s=0.9)
    await pipe.apply_topology()
    await publish(pipe, *(b"%d" % n for n in range(20)))
    for _ in range(2):
        await batch_bus(pipe, slow, batch_size=10)
    await eventually(lambda: settled(pipe))
    assert sorted(seen) == sorted(b"%d" % n for n in range(20))


@pytest.mark.parametrize("busy", [False, True], ids=["idle loop", "busy loop"])
@pytest.mark.slow
async def test_no_batch_waits_for_ack_wait(pipe: Pipe, busy: bool) -> None:
    """FastStream 0.7.8 drops collected batches when nats-py raises the bare asyncio.TimeoutError (seen when the
    loop is busy); the messages came back after ack_wait. Here every message is delivered once."""
    deliveries: list[int] = []

    async def ingest(batch: list[RawMessage]) -> list[Outcome]:
        deliveries.extend(raw.deliveries for raw in batch)
        return [DONE] * len(batch)

    async def hog() -> None:
        while True:
            time.sleep(0.05)  # noqa: ASYNC251 - the point: a loop that is late for every timeout
            await asyncio.sleep(0.001)

    pipe.with_consumer(ack_wait_s=30.0, max_ack_pending=2000)
    await pipe.apply_topology()
    hogging = asyncio.create_task(hog()) if busy else None
    try:
        await batch_bus(pipe, ingest, batch_size=500, max_wait_s=0.05)
        for _ in range(20):
            await publish(pipe, *(b"point" for _ in range(30)))
        await eventually(lambda: settled(pipe), timeout_s=25)
    finally:
        if hogging is not None:
            hogging.cancel()
    assert deliveries == [1] * 600
