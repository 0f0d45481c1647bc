"""A connection that NATS left for long: one client at a time, and none left behind."""

import asyncio
from contextlib import suppress

import pytest
from nats.aio.client import Client

from chassis.messaging import connection as module
from chassis.messaging.bus import Bus
from stack.parts import NatsPart
from tests.chassis.messaging.pipe import Pipe, PipeSettings, ack_pending, eventually, job_event, raw_jetstream, record
from tests.chassis.messaging.test_request_reply import DOUBLE, Answer, Question, answering


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client is given up after 2 s instead of 15."""
    monkeypatch.setattr(module, "_REBUILD_AFTER_S", 2.0)


async def is_replaced(bus: Bus, old: Client) -> bool:
    return bus.is_connected and bus.connection.client is not old


@pytest.mark.slow
async def test_a_client_that_was_given_up_is_closed_and_answers_nothing(nats_server: NatsPart) -> None:
    async def double(question: Question) -> Answer:
        return Answer(doubled=2 * question.amount)

    bus = Bus(PipeSettings("answerer", nats_server.url))
    bus.include(answering(double))
    await bus.start()
    old = bus.connection.client
    await asyncio.to_thread(nats_server.kill)
    await eventually(lambda: _is_closed(old))  # given up while the server is away, not when it comes back
    await asyncio.to_thread(nats_server.start)
    await eventually(lambda: is_replaced(bus, old))
    assert await answers_to(nats_server, b'{"amount": 4}') == [b'{"doubled":8,"job_id":""}']
    await bus.stop()
    assert bus.connection.broker.client is None
    assert await answers_to(nats_server, b'{"amount": 4}') == []
    assert old.is_closed


@pytest.mark.slow
async def test_reconnecting_that_swallows_its_end_leaves_no_client_behind(
    nats_server: NatsPart, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `asyncio.wait_for` of Python 3.11 does when the answer comes in the same moment."""
    bus = Bus(PipeSettings("listener", nats_server.url))
    await bus.start()
    old = bus.connection.client
    connect = old._select_next_server

    async def swallows_once() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        monkeypatch.setattr(old, "_select_next_server", connect)
        await connect()

    monkeypatch.setattr(old, "_select_next_server", swallows_once)
    await asyncio.to_thread(nats_server.kill)
    await eventually(lambda: _is_closed(old))
    await asyncio.to_thread(nats_server.start)
    await eventually(lambda: is_replaced(bus, old))
    assert old._reconnection_task is not None
    assert old._reconnection_task.done()
    assert old.is_closed
    assert bus.is_connected
    await bus.stop()


@pytest.mark.slow
async def test_handlers_in_progress_and_messages_survive_a_new_client(own_pipe: Pipe, nats_server: NatsPart) -> None:
    begun, release = asyncio.Event(), asyncio.Event()

    async def waits(event, tx) -> None:  # type: ignore[no-untyped-def]
        begun.set()
        await release.wait()
        await record(event, tx)

    bus = await own_pipe.bus(waits, grace_s=2.0)
    old = bus.connection.client
    events = [job_event() for _ in range(3)]
    js = await raw_jetstream(own_pipe.nats_url)
    for event in events:
        await js.publish(event.subject, event.to_bytes())
    await js._nc.close()
    await asyncio.wait_for(begun.wait(), 10)
    await asyncio.to_thread(nats_server.kill)
    await asyncio.sleep(4)
    await asyncio.to_thread(nats_server.start)
    release.set()
    await eventually(lambda: is_replaced(bus, old))
    await own_pipe.has_one_effect_each(events, settle_s=3)
    await eventually(lambda: _settled(own_pipe))


async def test_a_service_that_never_reached_nats_stops_without_a_client(nats_server: NatsPart) -> None:
    await asyncio.to_thread(nats_server.stop)
    bus = Bus(PipeSettings("answerer", nats_server.url))
    await bus.start(wait_s=0.3)
    client = bus.connection.broker.client
    await bus.stop()
    assert client is not None
    assert client.is_closed


async def answers_to(server: NatsPart, request: bytes) -> list[bytes]:
    """Every answer that comes within half a second: without a queue group's choice two clients would both answer."""
    client = Client()
    await client.connect(server.url)
    found: list[bytes] = []

    async def note(message) -> None:  # type: ignore[no-untyped-def]
        if not (message.headers or {}).get("Status"):
            found.append(message.data)

    await client.subscribe("answers", cb=note)
    for _ in range(1):
        await client.publish(DOUBLE.subject, request, reply="answers")
    await asyncio.sleep(0.5)
    await client.close()
    return found


async def _is_closed(client: Client) -> bool:
    return client.is_closed


async def _settled(pipe: Pipe) -> bool:
    return await ack_pending(pipe.nats_url, pipe.consumer) == (0, 0)
