"""NATS and PostgreSQL restarted, killed and wiped under load: the service goes on by itself, one effect each."""

import asyncio
import shutil
from typing import Any

import pytest

from chassis.database.engine import Database
from chassis.messaging import topology
from chassis.messaging.bus import Bus
from chassis.messaging.dead_letters import DeadLetters
from contracts.envelope import Event
from stack.parts import NatsPart, PostgresPart
from tests.chassis.messaging.conftest import create_tables
from tests.chassis.messaging.pipe import (
    DLQ,
    Pipe,
    PipeSettings,
    ack_pending,
    events_to,
    eventually,
    job_event,
    raw_jetstream,
    record,
    stream_messages,
)
from tests.fixtures.servers import IN_CONTAINERS


class Speaker:
    """Says events at a steady pace, whatever happens to the broker; remembers what was committed."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe, self._going = pipe, True
        self.said: list[Event[Any]] = []
        self._task = asyncio.create_task(self._speak())

    async def _speak(self) -> None:
        while self._going:
            event = job_event()
            try:
                await self._pipe.say(event)
                self.said.append(event)
            except Exception:
                await asyncio.sleep(0.1)  # not committed, or nobody knows: not counted as said
            await asyncio.sleep(0.02)

    async def stop(self) -> list[Event[Any]]:
        self._going = False
        await self._task
        return self.said


@pytest.mark.slow
async def test_nats_killed_and_restarted(own_pipe: Pipe, nats_server: NatsPart) -> None:
    bus = await own_pipe.bus(record)
    await own_pipe.relay(bus)
    speaker = Speaker(own_pipe)
    for _ in range(2):
        await asyncio.sleep(1.0)
        await asyncio.to_thread(nats_server.kill)
        await eventually(lambda: _troubled(bus))
        await asyncio.to_thread(nats_server.start)
    await eventually(lambda: _well(bus))
    await asyncio.sleep(0.5)
    await own_pipe.has_one_effect_each(await speaker.stop(), settle_s=2.5)


@pytest.mark.slow
async def test_nats_stopped_and_restarted(own_pipe: Pipe, nats_server: NatsPart) -> None:
    bus = await own_pipe.bus(record)
    await own_pipe.relay(bus)
    speaker = Speaker(own_pipe)
    await asyncio.sleep(0.5)
    await asyncio.to_thread(nats_server.stop)
    await asyncio.sleep(0.5)
    await asyncio.to_thread(nats_server.start)
    await eventually(lambda: _well(bus))
    await own_pipe.has_one_effect_each(await speaker.stop())


@pytest.mark.slow
async def test_the_store_of_nats_is_wiped(own_pipe: Pipe, nats_server: NatsPart) -> None:
    """Published, consumed or not: what the databases know comes back into the new streams, in order."""
    bus = await own_pipe.bus(record)
    await own_pipe.relay(bus)
    await own_pipe.watch_topology(await own_pipe.bus())
    speaker = Speaker(own_pipe)
    await asyncio.sleep(1.0)
    await asyncio.to_thread(nats_server.kill)
    nats_server.wipe()
    await asyncio.to_thread(nats_server.start)
    await asyncio.sleep(2.0)
    said = await speaker.stop()
    await own_pipe.has_one_effect_each(said)
    await eventually(lambda: _nothing_unpublished(own_pipe))
    assert await stream_messages(own_pipe.nats_url, "JOBS") >= len(said)
    await eventually(lambda: _well(bus))


@pytest.mark.slow
async def test_events_nobody_had_consumed_survive_a_wipe_while_the_relay_was_down(
    own_pipe: Pipe, nats_server: NatsPart
) -> None:
    publisher = await own_pipe.bus()
    relay = await own_pipe.relay(publisher)
    events = [job_event() for _ in range(30)]
    await own_pipe.say(*events)
    await eventually(lambda: _nothing_unpublished(own_pipe))
    relay.cancel()
    await publisher.stop()
    await asyncio.to_thread(nats_server.kill)
    nats_server.wipe()
    await asyncio.to_thread(nats_server.start)
    await own_pipe.apply_topology()
    await own_pipe.relay(await own_pipe.bus(record))
    await own_pipe.has_one_effect_each(events)


@pytest.mark.skipif(IN_CONTAINERS, reason="needs the files of the store")
@pytest.mark.slow
async def test_the_store_of_nats_is_set_back(own_pipe: Pipe, nats_server: NatsPart) -> None:
    """Restored from an old copy: the stream is the same one, but its end is missing."""
    bus = await own_pipe.bus()
    await own_pipe.relay(bus)
    early, late = [job_event() for _ in range(5)], [job_event() for _ in range(20)]
    await own_pipe.say(*early)
    await eventually(lambda: _nothing_unpublished(own_pipe))
    await asyncio.to_thread(nats_server.stop)
    copy = nats_server.store_dir.with_name("copy")
    shutil.copytree(nats_server.store_dir, copy)
    await asyncio.to_thread(nats_server.start)
    await own_pipe.say(*late)
    await eventually(lambda: _nothing_unpublished(own_pipe))
    await asyncio.to_thread(nats_server.stop)
    shutil.rmtree(nats_server.store_dir)
    shutil.copytree(copy, nats_server.store_dir)
    await asyncio.to_thread(nats_server.start)
    await own_pipe.bus(record)
    await own_pipe.has_one_effect_each(early + late)


@pytest.mark.slow
async def test_a_bus_started_before_nats_connects_later(own_pipe: Pipe, nats_server: NatsPart) -> None:
    await asyncio.to_thread(nats_server.stop)
    bus = Bus(PipeSettings("listener", own_pipe.nats_url), own_pipe.database)
    bus.include(events_to(record, own_pipe.consumer))
    await bus.start(wait_s=0.2)
    assert "NATS is not connected" in bus.health_issues()
    await own_pipe.relay(bus)
    event = job_event()
    await own_pipe.say(event)
    await asyncio.to_thread(nats_server.start)
    await own_pipe.has_one_effect_each([event])
    await bus.stop()


@pytest.mark.slow
async def test_a_missing_consumer_is_waited_for(own_pipe: Pipe) -> None:
    """Nothing but the topology step declares; a service that comes first waits."""
    js = await raw_jetstream(own_pipe.nats_url)
    await js.delete_consumer("JOBS", own_pipe.consumer.durable)
    bus = await own_pipe.bus(record)
    await own_pipe.relay(bus)
    event = job_event()
    await own_pipe.say(event)
    await eventually(lambda: _troubled(bus))
    assert await js.consumers_info("JOBS") == []
    await js._nc.close()
    await own_pipe.apply_topology()
    await own_pipe.has_one_effect_each([event])
    await eventually(lambda: _well(bus))


@pytest.mark.slow
async def test_poison_is_not_lost_while_the_dead_letter_stream_is_missing(own_pipe: Pipe) -> None:
    js = await raw_jetstream(own_pipe.nats_url)
    await js.delete_stream(DLQ.name)
    bus = await own_pipe.bus(record)
    await js.publish("job.deleted.x", b"poison")
    await asyncio.sleep(1.0)
    await topology.apply(js, [own_pipe.stream, DLQ], [own_pipe.consumer])
    letters = DeadLetters(bus)

    async def buried() -> bool:
        return len(await letters.list()) == 1

    await eventually(buried)
    await js._nc.close()


@pytest.mark.slow
async def test_postgresql_killed_and_restarted(
    nats_server: NatsPart, postgres_server: PostgresPart
) -> None:
    postgres_server.durable = True  # test servers do not wait for the disk; a committed row must survive this test
    await asyncio.to_thread(postgres_server.stop)
    await asyncio.to_thread(postgres_server.start)
    url = postgres_server.create_database("pipe")
    await create_tables(url)
    pipe = Pipe(nats_server.url, Database(url))
    await pipe.apply_topology()
    pipe.with_consumer(retry_delays_s=())
    bus = await pipe.bus(record)
    await pipe.relay(bus)
    speaker = Speaker(pipe)
    for _ in range(2):
        await asyncio.sleep(1.0)
        await asyncio.to_thread(postgres_server.kill)
        await asyncio.sleep(1.5)
        await asyncio.to_thread(postgres_server.start)
    await asyncio.sleep(1.0)
    said = {event.id for event in await speaker.stop()}

    async def all_there() -> bool:
        return said <= set(await pipe.effects()) and await pipe.unpublished() == 0

    await eventually(all_there)
    found = await pipe.effects()
    assert len(found) == len(set(found))  # a commit cut off by the kill may have happened: known only to the rows
    assert await DeadLetters(bus).list() == []
    await pipe.close()


@pytest.mark.slow
async def test_the_topology_watcher_repairs_a_lost_stream(own_pipe: Pipe) -> None:
    await own_pipe.watch_topology(await own_pipe.bus())
    js = await raw_jetstream(own_pipe.nats_url)
    await js.delete_stream("JOBS")

    async def back() -> bool:
        return bool(await js.consumer_info("JOBS", own_pipe.consumer.durable))

    await eventually(back)
    await js._nc.close()


async def _troubled(bus: Bus) -> bool:
    return bool(bus.health_issues())


async def _well(bus: Bus) -> bool:
    return not bus.health_issues()


async def _nothing_unpublished(pipe: Pipe) -> bool:
    return await pipe.unpublished() == 0


@pytest.mark.slow
async def test_an_ack_from_before_a_wipe_does_not_settle_another_message(
    own_pipe: Pipe, nats_server: NatsPart
) -> None:
    """Sequence numbers begin again in the new stream: the old handler's ack must not hit the new message."""
    old, new = job_event(), job_event()
    begun, release = {e.id: asyncio.Event() for e in (old, new)}, {e.id: asyncio.Event() for e in (old, new)}

    async def wait_for_release(event: Event[Any], tx: Any) -> None:
        begun[event.id].set()
        await release[event.id].wait()
        await record(event, tx)

    await own_pipe.bus(wait_for_release)
    await publish(own_pipe, old)
    await asyncio.wait_for(begun[old.id].wait(), 30)
    await asyncio.to_thread(nats_server.kill)
    nats_server.wipe()
    await asyncio.to_thread(nats_server.start)
    await own_pipe.apply_topology()
    await publish(own_pipe, new)
    await asyncio.wait_for(begun[new.id].wait(), 30)
    release[old.id].set()
    await eventually(lambda: _has_effect(own_pipe, old))
    await asyncio.sleep(0.3)
    assert await ack_pending(own_pipe.nats_url, own_pipe.consumer) == (1, 0)
    release[new.id].set()
    await own_pipe.has_one_effect_each([old, new])


async def publish(pipe: Pipe, event: Event[Any]) -> None:
    js = await raw_jetstream(pipe.nats_url)
    await js.publish(event.subject, event.to_bytes())
    await js._nc.close()


async def _has_effect(pipe: Pipe, event: Event[Any]) -> bool:
    return event.id in await pipe.effects()
