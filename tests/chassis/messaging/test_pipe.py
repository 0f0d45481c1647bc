"""From a row in one transaction to an effect in another: order, retries, dead letters, slow handlers."""

import asyncio
import time
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.cancellation import cancel_and_wait
from chassis.checks import bus_check, drift_check, outbox_check
from chassis.messaging.bus import Bus
from chassis.messaging.dead_letters import DeadLetters
from chassis.messaging.events import EventRouter
from chassis.messaging.outbox import emit
from chassis.messaging.retry import Permanent
from contracts.envelope import Event
from contracts.events import JobDeleted
from contracts.identifiers import uuid7
from tests.chassis.messaging.pipe import (
    Pipe,
    PipeSettings,
    ack_pending,
    eventually,
    job_event,
    raw_jetstream,
    record,
    stream_messages,
)


async def test_an_event_takes_effect_once(pipe: Pipe) -> None:
    bus = await pipe.bus(record)
    await pipe.relay(bus)
    events = [job_event() for _ in range(50)]
    await pipe.say(*events)
    await pipe.has_one_effect_each(events)
    await eventually(lambda: _settled(pipe))
    assert await pipe.unpublished() == 0
    assert bus.health_issues() == []
    assert (await outbox_check(pipe.database)()).value == 0.0


async def test_a_rolled_back_transaction_says_nothing(pipe: Pipe) -> None:
    async def fail() -> None:
        async with pipe.database.transaction() as tx:
            await emit(tx, job_event())
            raise RuntimeError("the use case failed")

    with pytest.raises(RuntimeError):
        await fail()
    assert await pipe.unpublished() == 0


async def test_events_of_one_job_keep_their_order(pipe: Pipe) -> None:
    jobs = [uuid7() for _ in range(5)]
    events = [job_event(job) for _ in range(20) for job in jobs]
    await pipe.say(*events)
    bus = await pipe.bus(record)
    await pipe.relay(bus, batch_size=7)
    await pipe.has_one_effect_each(events)
    job_of = {event.id: event.data.job_id for event in events}
    seen = await pipe.effects()
    for job in jobs:
        assert [i for i in seen if job_of[i] == job] == [e.id for e in events if e.data.job_id == job]


async def test_two_relays_publish_each_event_once(pipe: Pipe) -> None:
    first, second = await pipe.bus(), await pipe.bus()
    await pipe.relay(first)
    await pipe.relay(second)
    for _ in range(10):
        await pipe.say(*(job_event() for _ in range(20)))
    await eventually(lambda: _nothing_unpublished(pipe))
    assert await stream_messages(pipe.nats_url, "JOBS") == 200


async def test_the_relay_works_without_notifications(pipe: Pipe) -> None:
    """A lost LISTEN connection costs at most the poll interval."""
    bus = await pipe.bus(record)
    relay = await pipe.relay(bus, poll_s=0.2)
    event = job_event()
    async with pipe.database.transaction() as tx:
        await tx.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE query LIKE 'LISTEN%' AND datname = current_database()"
        )
        await emit(tx, event)
    await pipe.has_one_effect_each([event])
    assert not relay.done()


async def test_a_message_redelivered_after_the_duplicate_window_has_no_second_effect(pipe: Pipe) -> None:
    """Published again without the stream recognising it, as after the window."""
    bus = await pipe.bus(record)
    event = job_event()
    js = await raw_jetstream(pipe.nats_url)
    for copy in range(3):
        await js.publish(event.subject, event.to_bytes(), headers={"Nats-Msg-Id": f"copy-{copy}"})
    await js._nc.close()
    await pipe.has_one_effect_each([event])
    await eventually(lambda: _settled(pipe))
    assert bus.health_issues() == []


async def test_a_failing_handler_is_retried_by_the_table_and_then_dead_lettered(pipe: Pipe) -> None:
    calls: list[float] = []

    async def fails(event: Event[Any], tx: AsyncConnection) -> None:
        await record(event, tx)
        calls.append(time.monotonic())
        raise RuntimeError("no luck with\nthis one é")

    bus = await pipe.bus(fails)
    await pipe.relay(bus)
    event = job_event()
    await pipe.say(event)
    letters = DeadLetters(bus)
    await eventually(lambda: _dead(letters, 1))
    (letter,) = await letters.list()
    assert len(calls) == 1 + len(pipe.consumer.retry_delays_s)
    assert (letter.subject, letter.consumer, letter.error_type) == (event.subject, "listener_jobs", "RuntimeError")
    assert "no luck with this one" in letter.error
    assert letter.message_id == str(event.id)
    assert letter.data == event.to_bytes()
    assert letter.deliveries == 3
    assert await pipe.effects() == []
    await eventually(lambda: _settled(pipe))


async def test_a_handler_that_recovers_is_not_dead_lettered(pipe: Pipe) -> None:
    calls = 0

    async def fails_twice(event: Event[Any], tx: AsyncConnection) -> None:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise RuntimeError("not yet")
        await record(event, tx)

    bus = await pipe.bus(fails_twice)
    await pipe.relay(bus)
    event = job_event()
    await pipe.say(event)
    await pipe.has_one_effect_each([event])
    assert await DeadLetters(bus).list() == []


@pytest.mark.parametrize(
    ("payload", "error_type"),
    [
        (b"not json", "JSONDecodeError"),
        (b'{"type": "brightrun.job.vanished.v9"}', "UnknownEventType"),
        (b'{"type": "brightrun.job.deleted.v1", "id": "x"}', "ValidationError"),
        (b"\x80 is not UTF-8", "UnicodeDecodeError"),
        (b"[]", "UnknownEventType"),
    ],
)
async def test_poison_is_dead_lettered_at_once_and_the_stream_flows_on(
    pipe: Pipe, payload: bytes, error_type: str
) -> None:
    bus = await pipe.bus(record)
    js = await raw_jetstream(pipe.nats_url)
    await js.publish(f"job.deleted.{uuid7()}", payload)
    await js._nc.close()
    await pipe.relay(bus)
    event = job_event()
    await pipe.say(event)
    await pipe.has_one_effect_each([event])
    letters = DeadLetters(bus)
    await eventually(lambda: _dead(letters, 1))
    (letter,) = await letters.list()
    assert (letter.error_type, letter.data, letter.deliveries) == (error_type, payload, 1)


async def test_an_event_about_another_job_than_its_subject_is_refused(pipe: Pipe) -> None:
    """A pod may publish only its own job's subjects; the payload must not speak for another job."""
    bus = await pipe.bus(record)
    forged = job_event()
    js = await raw_jetstream(pipe.nats_url)
    await js.publish(f"job.deleted.{uuid7()}", forged.to_bytes())
    await js._nc.close()
    letters = DeadLetters(bus)
    await eventually(lambda: _dead(letters, 1))
    assert (await letters.list())[0].error_type == "Permanent"
    assert await pipe.effects() == []


async def test_replay_delivers_again_and_takes_effect_once(pipe: Pipe) -> None:
    broken = True

    async def fixed_later(event: Event[Any], tx: AsyncConnection) -> None:
        if broken:
            raise Permanent("an old release")
        await record(event, tx)

    bus = await pipe.bus(fixed_later)
    await pipe.relay(bus)
    event = job_event()
    await pipe.say(event)
    letters = DeadLetters(bus)
    await eventually(lambda: _dead(letters, 1))
    broken = False
    sequence = (await letters.list())[0].sequence
    replayed = await letters.replay(sequence)
    assert replayed.subject == event.subject
    await pipe.has_one_effect_each([event])
    assert await letters.list() == []
    with pytest.raises(Exception, match="no dead letter"):
        await letters.show(sequence)


async def test_many_dead_letters_in_a_row_stop_the_consumer(pipe: Pipe) -> None:
    async def refuses(event: Event[Any], tx: AsyncConnection) -> None:
        raise Permanent("a bad deploy")

    bus = await pipe.bus(refuses, dead_letter_limit=5)
    await pipe.relay(bus)
    await pipe.say(*(job_event() for _ in range(60)))
    await eventually(lambda: _stopped(bus))
    await asyncio.sleep(0.5)
    letters = await DeadLetters(bus).list(limit=100)
    assert 5 <= len(letters) <= 5 + 8  # those in hand when the limit was reached may follow
    assert (await bus_check(bus)()).status == "failed"
    await bus.stop()
    healthy = await pipe.bus(record)  # a restart begins anew; what was not dead-lettered is still there
    await eventually(lambda: _effects(pipe, 60 - len(letters)))
    assert healthy.health_issues() == []


@pytest.mark.slow
async def test_infrastructure_that_is_away_uses_up_no_tries(pipe: Pipe) -> None:
    calls = 0

    async def database_away(event: Event[Any], tx: AsyncConnection) -> None:
        nonlocal calls
        calls += 1
        if calls <= 5:  # more often than the retry table has entries
            raise OperationalError("SELECT 1", {}, Exception("the database system is shutting down"))
        await record(event, tx)

    pipe.with_consumer(retry_delays_s=())
    bus = await pipe.bus(database_away)
    await pipe.relay(bus)
    event = job_event()
    await pipe.say(event)
    await pipe.has_one_effect_each([event])
    assert await DeadLetters(bus).list() == []


@pytest.mark.slow
async def test_a_handler_slower_than_ack_wait_runs_once_with_two_replicas(pipe: Pipe) -> None:
    calls: list[str] = []

    async def slow(event: Event[Any], tx: AsyncConnection) -> None:
        calls.append("begun")
        await asyncio.sleep(3.0 * pipe.consumer.ack_wait_s)
        await record(event, tx)

    pipe.with_consumer(ack_wait_s=1.0)
    await pipe.apply_topology()
    first = await pipe.bus(slow)
    await pipe.bus(slow)
    await pipe.relay(first)
    event = job_event()
    await pipe.say(event)
    await pipe.has_one_effect_each([event], settle_s=1.5)
    assert calls == ["begun"]


async def test_two_copies_at_once_have_one_effect(pipe: Pipe) -> None:
    """When keep-alives do not get through, both replicas hold the message; the inbox row decides."""
    calls: list[str] = []

    async def held_up(event: Event[Any], tx: AsyncConnection) -> None:
        calls.append("handled")
        await asyncio.sleep(0.5)
        await record(event, tx)

    first, second = await pipe.bus(held_up), await pipe.bus(held_up)
    event = job_event()
    js = await raw_jetstream(pipe.nats_url)
    for copy in range(2):
        await js.publish(event.subject, event.to_bytes(), headers={"Nats-Msg-Id": f"copy-{copy}"})
    await js._nc.close()
    await pipe.has_one_effect_each([event])
    await eventually(lambda: _settled(pipe))
    assert calls == ["handled"]
    assert first.health_issues() == second.health_issues() == []


async def test_stop_lets_running_handlers_finish(pipe: Pipe) -> None:
    begun = asyncio.Event()

    async def slow(event: Event[Any], tx: AsyncConnection) -> None:
        begun.set()
        await asyncio.sleep(0.5)
        await record(event, tx)

    bus = await pipe.bus(slow)
    await pipe.relay(await pipe.bus())
    event = job_event()
    await pipe.say(event)
    await asyncio.wait_for(begun.wait(), 30)
    await bus.stop(grace_s=5.0)
    assert await pipe.effects() == [event.id]
    assert await ack_pending(pipe.nats_url, pipe.consumer) == (0, 0)


async def test_a_handler_that_hangs_is_cut_off_and_retried(pipe: Pipe) -> None:
    calls = 0

    async def hangs_once(event: Event[Any], tx: AsyncConnection) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            await asyncio.sleep(3600)
        await record(event, tx)

    bus = await pipe.bus(hangs_once, handler_timeout_s=0.3)
    await pipe.relay(bus)
    event = job_event()
    await pipe.say(event)
    await pipe.has_one_effect_each([event])
    assert calls == 2


async def test_the_trace_goes_from_the_speaker_to_the_handler(pipe: Pipe) -> None:
    heard: list[int] = []
    tracer = TracerProvider().get_tracer("tests")

    async def listen(event: Event[Any], tx: AsyncConnection) -> None:
        heard.append(int(str(event.traceparent).split("-")[1], 16))
        heard.append(trace.get_current_span().get_span_context().trace_id)

    bus = await pipe.bus(listen)
    await pipe.relay(bus)
    with tracer.start_as_current_span("a request") as span:
        await pipe.say(job_event())
    await eventually(lambda: _is(lambda: len(heard) == 2))
    assert heard == [span.get_span_context().trace_id] * 2


async def test_drift_from_the_table_is_seen(pipe: Pipe) -> None:
    bus = await pipe.bus(record)
    assert (await drift_check(bus)()).status == "ok"
    pipe.with_consumer(ack_wait_s=77.0)
    await pipe.apply_topology()
    result = await drift_check(bus)()
    assert result.status == "failed"
    assert "ack_wait is 77.0, should be 2.0" in result.detail


async def test_every_event_of_the_table_needs_a_handler(pipe: Pipe) -> None:
    bus = Bus(PipeSettings("listener", pipe.nats_url), pipe.database)
    router = EventRouter()
    router.durable(pipe.consumer)
    with pytest.raises(ValueError, match=JobDeleted.event_type()):
        bus.include(router)


async def _settled(pipe: Pipe) -> bool:
    return await ack_pending(pipe.nats_url, pipe.consumer) == (0, 0)


async def _nothing_unpublished(pipe: Pipe) -> bool:
    return await pipe.unpublished() == 0


async def _dead(letters: DeadLetters, count: int) -> bool:
    return len(await letters.list(limit=count + 1)) == count


async def _stopped(bus: Bus) -> bool:
    return any("stopped after" in trouble for trouble in bus.health_issues())


async def _effects(pipe: Pipe, count: int) -> bool:
    return len(await pipe.effects()) == count


async def _is(condition: Any) -> bool:
    return bool(condition())


@pytest.mark.slow
async def test_stop_under_full_traffic_ends(pipe: Pipe) -> None:
    """A cancellation that meets an arriving message is swallowed by asyncio.wait_for; stopping must not rely on it."""
    await pipe.relay(await pipe.bus())
    events = [job_event() for _ in range(300)]
    await pipe.say(*events)
    for _ in range(12):
        bus = await pipe.bus(record)
        await asyncio.sleep(0.08)
        async with asyncio.timeout(30):
            await bus.stop(grace_s=2.0)
    await pipe.bus(record)
    await pipe.has_one_effect_each(events)


async def test_a_task_that_swallows_its_cancellation_is_cancelled_again() -> None:
    async def stubborn() -> None:
        for _ in range(2):
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                continue
        await asyncio.sleep(3600)

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await cancel_and_wait(task, again_after_s=0.02)
    assert task.cancelled()


async def test_as_many_jobs_are_handled_at_a_time_as_its_row_says(pipe: Pipe) -> None:
    pipe.with_consumer(concurrency=3)
    running, most, events = 0, 0, [job_event() for _ in range(9)]
    three = asyncio.Barrier(3)  # with fewer at a time nobody would get past it

    async def slowly(event: Event[Any], tx: Any) -> None:
        nonlocal running, most
        running, most = running + 1, max(most, running + 1)
        await three.wait()
        running -= 1
        await record(event, tx)

    bus = await pipe.bus(slowly)
    await pipe.relay(bus)
    for event in events:
        await pipe.say(event)
    await pipe.has_one_effect_each(events)
    assert most == 3
