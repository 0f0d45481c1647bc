"""The relay beside trouble of its own: rows that no stream takes, jobs that are stuck, replicas that hang."""

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from chassis.checks import outbox_check
from chassis.messaging import topology
from chassis.messaging.bus import Bus
from chassis.messaging.outbox import backlog
from chassis.messaging.relay import Relay
from chassis.parked import list_parked, retry_parked
from contracts.envelope import Event, new_event
from contracts.events import JobDeleted
from contracts.identifiers import uuid7
from tests.chassis.messaging.pipe import (
    WORKSPACE,
    Pipe,
    eventually,
    job_event,
    raw_jetstream,
    record,
    stream_messages,
)

ROOT = Path(__file__).parents[3]


def large_event(job_id=None, size: int = 2_000_000) -> Event:  # type: ignore[no-untyped-def,type-arg]
    """More than the server's max_payload of 1 MiB."""
    data = JobDeleted(job_id=job_id or uuid7(), workspace_id=WORKSPACE, deleted_by="x" * size)
    return new_event(data, source="/tests")


async def nothing_waits(pipe: Pipe) -> bool:
    async with pipe.database.read() as connection:
        return (await backlog(connection)).unpublished == 0


async def test_an_event_no_stream_can_take_is_parked_and_its_job_goes_on(pipe: Pipe) -> None:
    job = uuid7()
    before, large, after = job_event(job), large_event(job), job_event(job)
    await pipe.relay(await pipe.bus(record))
    await pipe.say(before, large, after)
    await pipe.has_one_effect_each([before, after])
    await eventually(lambda: nothing_waits(pipe))
    (line,) = await list_parked(pipe.database)
    assert str(large.id) in line
    assert "2000" in line
    result = await outbox_check(pipe.database)()
    assert (result.status, result.value) == ("failed", 1)
    assert "1 events are parked" in result.detail


async def test_a_stream_with_a_smaller_limit_parks_too_and_a_retry_publishes(pipe: Pipe) -> None:
    js = await raw_jetstream(pipe.nats_url)
    await topology.apply(js, [replace(pipe.stream, max_msg_size=10_000)], [])
    large = large_event(size=50_000)
    await pipe.relay(await pipe.bus(record))
    await pipe.say(large)

    async def parked() -> bool:
        return len(await list_parked(pipe.database)) == 1

    await eventually(parked)
    await topology.apply(js, [replace(pipe.stream, max_msg_size=100_000)], [])
    assert await retry_parked(pipe.database) == 1
    await pipe.has_one_effect_each([large])
    assert await list_parked(pipe.database) == []
    await js._nc.close()


async def test_many_stuck_jobs_do_not_starve_the_others(pipe: Pipe) -> None:
    """Their stream does not exist: they wait in front of the queue, more of them than a batch holds."""
    bus = await pipe.bus(record)
    async with pipe.database.transaction() as tx:
        for _ in range(50):
            await tx.execute(text(
                "INSERT INTO outbox (id, subject, event, headers) VALUES (:id, :subject, '{}', '{}')"
            ), {"id": uuid7(), "subject": f"nowhere.{uuid7()}"})
    event = job_event()
    await pipe.say(event)
    await pipe.relay(bus, batch_size=8)
    await pipe.has_one_effect_each([event])
    assert await pipe.unpublished() == 50


async def test_a_full_stream_refuses_and_the_outbox_keeps(pipe: Pipe) -> None:
    js = await raw_jetstream(pipe.nats_url)
    await topology.apply(js, [replace(pipe.stream, max_msgs_per_subject=2)], [])
    job = uuid7()
    await pipe.say(*(job_event(job) for _ in range(5)))
    relay = Relay(pipe.database, await pipe.bus())
    assert await relay.publish_pending() == 2
    assert await pipe.unpublished() == 3
    await topology.apply(js, [replace(pipe.stream, max_msgs_per_subject=-1)], [])
    assert await relay.publish_pending() == 3
    assert await stream_messages(pipe.nats_url, "JOBS") == 5
    await js._nc.close()


async def no_transaction_waits(pipe: Pipe) -> bool:
    async with pipe.database.read() as connection:
        return not await connection.scalar(text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND state LIKE 'idle in transaction%' AND pid <> pg_backend_pid()"))


@pytest.mark.slow
async def test_a_relay_that_hangs_while_it_publishes_holds_nobody_up(pipe: Pipe) -> None:
    """It is stopped (SIGSTOP) in the middle of a batch: another one publishes, and no transaction waits for it."""
    command = [sys.executable, "-m", "tests.chassis.messaging.hanging", pipe.nats_url, pipe.database.url]
    await pipe.say(*(job_event() for _ in range(3)))
    hanging = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert hanging.stdout is not None
        while await asyncio.to_thread(hanging.stdout.readline) != "publishing\n":
            assert hanging.poll() is None
        os.kill(hanging.pid, signal.SIGSTOP)
        event = job_event()
        await pipe.say(event)
        bus = await pipe.bus(record)
        await pipe.relay(bus)
        await eventually(lambda: nothing_waits(pipe), timeout_s=30)
        await eventually(lambda: no_transaction_waits(pipe), timeout_s=30)  # the consumer's own end soon
        os.kill(hanging.pid, signal.SIGCONT)
        await asyncio.sleep(1.0)
        assert len(await pipe.effects()) == len(set(await pipe.effects())) == 4
    finally:
        hanging.kill()
        hanging.wait()


@pytest.mark.parametrize("replicas", [3])
async def test_only_one_of_several_relays_publishes(pipe: Pipe, replicas: int) -> None:
    buses: list[Bus] = [await pipe.bus() for _ in range(replicas)]
    relays = [Relay(pipe.database, bus) for bus in buses]
    await pipe.say(*(job_event() for _ in range(60)))
    counts = await asyncio.gather(*(relay.publish_pending() for relay in relays))
    assert sorted(counts) == [0, 0, 60]
