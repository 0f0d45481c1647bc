"""Messages that harm more than themselves: they kill the process, or one job sends nothing else."""

import asyncio
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.messaging import topology
from chassis.messaging.attempts import ATTEMPTS
from chassis.messaging.bus import Bus
from chassis.messaging.dead_letters import DeadLetters
from chassis.messaging.raw_batches import DONE, Outcome
from chassis.messaging.raw_message import RawMessage
from chassis.messaging.retry import Permanent
from chassis.problems import Conflict
from contracts.envelope import Event
from contracts.identifiers import uuid7
from tests.chassis.messaging.pipe import (
    DLQ,
    Pipe,
    PipeSettings,
    ack_pending,
    eventually,
    job_event,
    raw_jetstream,
    record,
)

ROOT = Path(__file__).parents[3]
MOST_STARTS = 8


async def publish(pipe: Pipe, *events: Event[Any], garbage: bytes | None = None) -> None:
    js = await raw_jetstream(pipe.nats_url)
    for event in events:
        await js.publish(event.subject, event.to_bytes() if garbage is None else garbage)
    await js._nc.close()


async def serve_until_it_dies_or_is_done(pipe: Pipe, kind: str, poison: Event[Any]) -> int:
    """A service as a process that takes messages until none is left; its exit code."""
    command = [sys.executable, "-m", "tests.chassis.messaging.dying", kind, pipe.nats_url, pipe.database.url,
               str(poison.id)]
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


@pytest.mark.parametrize("kind", ["events", "raw batches"])
@pytest.mark.slow
async def test_a_message_that_kills_the_process_is_dead_lettered_and_its_neighbours_are_not(
    pipe: Pipe, kind: str
) -> None:
    pipe.with_consumer(ack_wait_s=1.0)
    await pipe.apply_topology()
    poison, neighbours = job_event(), [job_event() for _ in range(12)]
    await publish(pipe, *neighbours[:6], poison, *neighbours[6:])
    ends = []
    while 0 not in ends:
        ends.append(await serve_until_it_dies_or_is_done(pipe, kind, poison))
        assert len(ends) <= MOST_STARTS, "it kills the process again and again"
    assert sorted(set(await pipe.effects())) == sorted(event.id for event in neighbours)
    (letter,) = await DeadLetters(await pipe.bus()).list()
    assert letter.error_type == "KilledTheProcess"
    assert letter.data == poison.to_bytes()
    async with pipe.database.read() as connection:
        assert (await connection.execute(select(ATTEMPTS))).all() == []


@pytest.mark.slow
async def test_failures_are_counted_across_restarts(pipe: Pipe) -> None:
    calls = 0

    async def fails(event: Event[Any], tx: AsyncConnection) -> None:
        nonlocal calls
        calls += 1
        raise RuntimeError("no luck")

    pipe.with_consumer(retry_delays_s=(0.1, 0.1, 0.1))
    await publish(pipe, job_event())
    letters = DeadLetters(await pipe.bus())

    async def dead() -> bool:
        return len(await letters.list()) == 1

    for restart in range(4):
        bus = await pipe.bus(fails)
        await eventually(lambda wanted=restart + 1: _at_least(lambda: calls, wanted))
        await bus.stop()
    await eventually(dead)
    assert calls == 4


@pytest.mark.slow
async def test_a_job_that_floods_stops_nobody_else(pipe: Pipe) -> None:
    handled: list[str] = []

    async def handle(event: Event[Any], tx: AsyncConnection) -> None:
        handled.append(str(event.data.job_id))
        await record(event, tx)

    bus = await pipe.bus(handle, dead_letter_limit=20)
    flooder, others = uuid7(), [job_event() for _ in range(5)]
    await publish(pipe, *(job_event(flooder) for _ in range(200)), garbage=b"garbage")
    await publish(pipe, *others)
    await pipe.has_one_effect_each(others)
    assert bus.health_issues() == []
    letters = DeadLetters(bus)

    async def all_dead() -> bool:
        return len(await letters.list(limit=300)) == 200

    await eventually(all_dead)
    reasons = {letter.error_type for letter in await letters.list(limit=300)}
    assert reasons == {"JSONDecodeError", "Quarantined"}
    assert len(handled) == len(others)


@pytest.mark.slow
async def test_a_handler_cannot_stop_its_consumer(pipe: Pipe) -> None:
    from faststream.exceptions import StopConsume

    async def stops_once(event: Event[Any], tx: AsyncConnection) -> None:
        if event.id == bad.id:
            raise StopConsume
        await record(event, tx)

    bad, good = job_event(), job_event()
    pipe.with_consumer(retry_delays_s=())
    bus = await pipe.bus(stops_once)
    await publish(pipe, bad)
    letters = DeadLetters(bus)

    async def dead() -> bool:
        return [letter.error_type for letter in await letters.list()] == ["RuntimeError"]

    await eventually(dead)
    await publish(pipe, good)
    await pipe.has_one_effect_each([good])


@pytest.mark.slow
async def test_a_subject_without_handler_is_dead_lettered_at_once(pipe: Pipe) -> None:
    pipe.with_consumer(filter_subjects=("job.>",))
    await pipe.apply_topology()
    bus = await pipe.bus(record)
    js = await raw_jetstream(pipe.nats_url)
    await js.publish(f"job.archived.{uuid7()}", b"{}")
    await js._nc.close()
    letters = DeadLetters(bus)

    async def dead() -> bool:
        return [letter.deliveries for letter in await letters.list()] == [1]

    await eventually(dead)


@pytest.mark.slow
async def test_a_replay_reaches_only_the_consumer_that_could_not_take_it(pipe: Pipe) -> None:
    """The inboxes of the others may have forgotten the event by then: dead letters are kept for three months."""
    from dataclasses import replace

    other = replace(pipe.consumer, durable="bystander_jobs", service="bystander")
    js = await raw_jetstream(pipe.nats_url)
    from chassis.messaging import topology

    await topology.apply(js, [pipe.stream], [other])
    broken, seen = True, []

    async def fixed_later(event: Event[Any], tx: AsyncConnection) -> None:
        if broken:
            raise Permanent("an old release")
        await record(event, tx)

    async def bystander(event: Event[Any], tx: AsyncConnection) -> None:
        seen.append(event.id)

    bus = await pipe.bus(fixed_later)
    listener = pipe.consumer
    pipe.consumer = other
    await pipe.bus(bystander)
    pipe.consumer = listener
    event = job_event()
    await publish(pipe, event)
    letters = DeadLetters(bus)

    async def dead() -> bool:
        return len(await letters.list()) == 1 and len(seen) == 1

    await eventually(dead)
    async with pipe.database.transaction() as tx:
        await tx.exec_driver_sql("DELETE FROM inbox")
    broken = False
    await letters.replay((await letters.list())[0].sequence)
    await pipe.has_one_effect_each([event])
    await eventually(lambda: _settled(pipe, other))
    assert seen == [event.id]
    await js._nc.close()


@pytest.mark.slow
async def test_dead_letters_of_one_job_are_limited(pipe: Pipe) -> None:
    js = await raw_jetstream(pipe.nats_url)
    await topology.apply(js, [replace(DLQ, max_msgs_per_subject=15)], [])
    bus, job = await pipe.bus(record), uuid7()
    await publish(pipe, *(job_event(job) for _ in range(60)), garbage=b"garbage")
    await eventually(lambda: _settled(pipe, pipe.consumer))
    assert len(await DeadLetters(bus).list(limit=100)) == 15
    await js._nc.close()


@pytest.mark.slow
async def test_of_a_message_too_large_for_the_dead_letters_the_beginning_is_kept(pipe: Pipe) -> None:
    js = await raw_jetstream(pipe.nats_url)
    await topology.apply(js, [replace(pipe.stream, max_msg_size=8 * 1024**2)], [])
    bus, garbage = await pipe.bus(record), b"x" * 3_000_000
    await publish(pipe, job_event(), garbage=garbage)
    await eventually(lambda: _settled(pipe, pipe.consumer))
    [found] = await DeadLetters(bus).list()
    assert (found.truncated_from, found.data) == (3_000_000, garbage[:65_536])
    with pytest.raises(Conflict, match="first 65,536 of 3,000,000 bytes") as caught:
        await DeadLetters(bus).replay(found.sequence)
    assert caught.value.code == "dead_letter_truncated"
    assert len(await DeadLetters(bus).list()) == 1
    await js._nc.close()


@pytest.mark.slow
async def test_a_batch_consumer_looks_at_redelivered_messages_only(pipe: Pipe) -> None:
    """A message that goes well the first time leaves no row behind, and asks for none."""
    seen: list[int] = []

    async def ingest(batch: list[RawMessage]) -> list[Outcome]:
        seen.extend(raw.deliveries for raw in batch)
        async with pipe.database.read() as connection:
            assert (await connection.execute(select(ATTEMPTS))).all() == []
        return [DONE] * len(batch)

    await publish(pipe, *(job_event() for _ in range(30)))
    bus = Bus(PipeSettings("listener", pipe.nats_url), pipe.database)
    bus.consume_raw_batches(pipe.consumer, ingest)
    await bus.start()
    pipe._buses.append(bus)
    await eventually(lambda: _settled(pipe, pipe.consumer))
    assert seen == [1] * 30


async def _at_least(value: Any, wanted: int) -> bool:
    return bool(value() >= wanted)


async def _settled(pipe: Pipe, consumer: Any) -> bool:
    return await ack_pending(pipe.nats_url, consumer) == (0, 0)
