"""A stream that drops what a consumer had not settled is noticed; one that drops settled messages is not news."""

from dataclasses import replace

from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from chassis.checks import loss_check
from chassis.clock import FakeClock
from chassis.messaging import topology
from chassis.messaging.losses import LossWatch
from tests.chassis.messaging.pipe import Pipe, ack_pending, eventually, job_event, raw_jetstream, record


async def publish(pipe: Pipe, count: int) -> None:
    js = await raw_jetstream(pipe.nats_url)
    for _ in range(count):
        event = job_event()
        await js.publish(event.subject, event.to_bytes())
    await js._nc.close()


async def holds_only(pipe: Pipe, count: int) -> None:
    js = await raw_jetstream(pipe.nats_url)
    await topology.apply(js, [replace(pipe.stream, max_msgs=count, refuse_new=False)], [])
    await js._nc.close()


async def settled(pipe: Pipe) -> bool:
    return await ack_pending(pipe.nats_url, pipe.consumer) == (0, 0)


def counted(pipe: Pipe) -> float:
    labels = {"durable": pipe.consumer.durable, "stream": pipe.consumer.stream}
    return REGISTRY.get_sample_value("brightrun_consumer_messages_lost_total", labels) or 0.0


async def test_messages_dropped_before_anybody_took_them_are_counted(pipe: Pipe) -> None:
    watch, js = LossWatch(FakeClock()), await raw_jetstream(pipe.nats_url)
    assert await watch.look(js, pipe.consumer) == 0
    await holds_only(pipe, 10)
    await publish(pipe, 25)
    assert await watch.look(js, pipe.consumer) == 15
    assert await watch.look(js, pipe.consumer) == 0  # each loss is counted once
    await publish(pipe, 5)
    assert await watch.look(js, pipe.consumer) == 5
    await js._nc.close()


async def test_a_loss_while_the_service_was_down_is_seen_after_it_took_what_is_left(pipe: Pipe) -> None:
    bus = await pipe.bus(record)
    await publish(pipe, 3)
    await eventually(lambda: settled(pipe))
    await bus.stop()
    before = counted(pipe)
    await holds_only(pipe, 10)
    await publish(pipe, 25)
    with capture_logs() as lines:
        bus = await pipe.bus(record)
        await eventually(lambda: settled(pipe))
    [line] = [line for line in lines if line["event"] == "messages_lost"]
    assert (line["log_level"], line["count"], line["stream"]) == ("warning", 15, "JOBS")
    assert "docs/operations.md" in line["what_to_do"]
    result = await loss_check(bus)()
    assert (result.status, result.value) == ("failed", 15)
    assert "listener_jobs: stream JOBS dropped up to 15 messages" in result.detail
    assert counted(pipe) - before == 15


async def test_the_alarm_survives_acknowledgements_and_ends_after_an_hour(pipe: Pipe) -> None:
    clock = FakeClock()
    bus = await pipe.bus(record, clock=clock)
    await publish(pipe, 3)
    await eventually(lambda: settled(pipe))
    assert (await loss_check(bus)()).status == "ok"
    await bus.stop()
    await holds_only(pipe, 10)
    await publish(pipe, 25)
    bus = await pipe.bus(record, clock=clock)
    for _ in range(2):
        await eventually(lambda: settled(pipe))
        assert (await loss_check(bus)()).value == 15
        await publish(pipe, 1)
    clock.advance(3599)
    assert (await loss_check(bus)()).status == "failed"
    clock.advance(2)
    assert (await loss_check(bus)()).status == "ok"


async def test_a_loss_under_a_running_consumer_stays_seen_when_it_goes_on(pipe: Pipe) -> None:
    """What one look saw unsettled and the next finds dropped is lost, however far the consumer came meanwhile."""
    watch, js = LossWatch(FakeClock()), await raw_jetstream(pipe.nats_url)
    assert await watch.look(js, pipe.consumer) == 0
    await holds_only(pipe, 10)
    await publish(pipe, 25)
    await pipe.bus(record)
    await eventually(lambda: settled(pipe))
    assert await watch.look(js, pipe.consumer) == 15
    await js._nc.close()


async def test_settled_messages_may_be_dropped(pipe: Pipe) -> None:
    watch, js = LossWatch(FakeClock()), await raw_jetstream(pipe.nats_url)
    await holds_only(pipe, 10)
    await pipe.bus(record)
    for _ in range(4):
        await publish(pipe, 8)
        await eventually(lambda: settled(pipe))
        assert await watch.look(js, pipe.consumer) == 0
    await js._nc.close()


async def test_messages_of_others_may_be_dropped_unheard(pipe: Pipe) -> None:
    """A durable that hears little of its stream is not behind because others talk."""
    watch, js = LossWatch(FakeClock()), await raw_jetstream(pipe.nats_url)
    await holds_only(pipe, 10)
    for _ in range(25):
        await js.publish("job.completed.x", b"{}")
    assert await watch.look(js, pipe.consumer) == 0
    await js._nc.close()


async def test_a_consumer_that_hears_the_whole_stream_misses_even_what_left_nothing_behind(pipe: Pipe) -> None:
    whole = replace(pipe.consumer, filter_subjects=("job.>",))
    js = await raw_jetstream(pipe.nats_url)
    await topology.apply(js, [pipe.stream], [whole])
    await publish(pipe, 7)
    await js.purge_stream(pipe.stream.name, keep=1)
    [last] = await (await js.pull_subscribe_bind(whole.durable, stream=whole.stream)).fetch(1)
    await last.ack_sync()
    await publish(pipe, 4)
    await topology.apply(js, [replace(pipe.stream, max_age_s=1, duplicate_window_s=1)], [])
    await eventually(lambda: settled(pipe))
    assert await LossWatch(FakeClock()).look(js, whole) == 4
    await js._nc.close()


async def test_a_stream_that_was_made_anew_counts_from_one(pipe: Pipe) -> None:
    watch, js = LossWatch(FakeClock()), await raw_jetstream(pipe.nats_url)
    await pipe.bus(record)
    await publish(pipe, 5)
    await eventually(lambda: settled(pipe))
    assert await watch.look(js, pipe.consumer) == 0
    await js.delete_stream(pipe.stream.name)
    await topology.apply(js, [pipe.stream], [pipe.consumer])
    await publish(pipe, 2)
    assert await watch.look(js, pipe.consumer) == 0
    await js._nc.close()

