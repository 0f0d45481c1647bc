"""A stream that drops what a consumer had not settled is noticed; one that drops settled messages is not news."""

from dataclasses import replace

from chassis.checks import loss_check
from chassis.messaging import topology
from chassis.messaging.losses import LossWatch
from tests.chassis.messaging.pipe import Pipe, ack_pending, eventually, job_event, raw_jetstream, record


async def publish(pipe: Pipe, count: int) -> None:
    js = await raw_jetstream(pipe.nats_url)
    for _ in range(count):
        event = job_event()
        await js.publish(event.subject, event.to_bytes())
    await js._nc.close()


async def settled(pipe: Pipe) -> bool:
    return await ack_pending(pipe.nats_url, pipe.consumer) == (0, 0)


async def test_messages_dropped_before_anybody_took_them_are_counted(pipe: Pipe) -> None:
    watch, js = LossWatch(), await raw_jetstream(pipe.nats_url)
    assert await watch.lost(js, pipe.consumer) == 0
    await topology.apply(js, [replace(pipe.stream, max_msgs=10, refuse_new=False)], [])
    await publish(pipe, 25)
    assert await watch.lost(js, pipe.consumer) == 15
    bus = await pipe.bus(record)
    await eventually(lambda: settled(pipe))
    assert (await loss_check(bus)()).status == "ok"  # who looks only now cannot know
    await js._nc.close()


async def test_settled_messages_may_be_dropped(pipe: Pipe) -> None:
    watch, js = LossWatch(), await raw_jetstream(pipe.nats_url)
    await topology.apply(js, [replace(pipe.stream, max_msgs=10, refuse_new=False)], [])
    await pipe.bus(record)
    for _ in range(4):
        await publish(pipe, 8)
        await eventually(lambda: settled(pipe))
        assert await watch.lost(js, pipe.consumer) == 0
    await js._nc.close()


async def test_a_stream_that_was_made_anew_counts_from_one(pipe: Pipe) -> None:
    watch, js = LossWatch(), await raw_jetstream(pipe.nats_url)
    await pipe.bus(record)
    await publish(pipe, 5)
    await eventually(lambda: settled(pipe))
    assert await watch.lost(js, pipe.consumer) == 0
    await js.delete_stream(pipe.stream.name)
    await topology.apply(js, [pipe.stream], [pipe.consumer])
    await publish(pipe, 2)
    assert await watch.lost(js, pipe.consumer) == 0
    await js._nc.close()
