"""A stream that gives subjects up to a new one, on a real server: everybody still hears each message once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from chassis.database.engine import Database
from chassis.messaging import moves, topology
from chassis.messaging.bus import Bus
from chassis.messaging.dead_letters import REPLAY_FOR_HEADER
from contracts.envelope import Event, new_event
from contracts.events import ConversationLikelihood, EvaluationGenerated, TrainingStarted
from contracts.identifiers import uuid7
from contracts.streams import CONSUMERS, STREAMS, ConsumerSpec, Move, RetiredConsumer, StreamSpec, consumer
from stack.parts import NatsPart
from tests.chassis.messaging.conftest import create_tables
from tests.chassis.messaging.pipe import WORKSPACE, Pipe, PipeSettings, events_to, eventually, raw_jetstream, record

EVALUATIONS = consumer("validator_evaluations")
OLD_VALIDATOR = ConsumerSpec("validator_training", "validator", "TRAINING", (EvaluationGenerated,))


def old_stream(spec: StreamSpec) -> StreamSpec:
    if spec.name == "TRAINING":
        return replace(spec, subjects=("training.>", "checkpoint.>", "evaluation.>"), max_msg_size=8 * 1024**2,
                       max_msgs_per_subject=100_000)
    return spec


def old_consumer(spec: ConsumerSpec) -> ConsumerSpec:
    heard_more = spec.durable == "job_api_training"
    return replace(spec, events=(*spec.events, EvaluationGenerated)) if heard_more else spec


OLD_STREAMS = tuple(old_stream(spec) for spec in STREAMS if spec.name != "EVALUATIONS")
OLD_CONSUMERS = (*(old_consumer(spec) for spec in CONSUMERS if spec.stream != "EVALUATIONS"), OLD_VALIDATOR)


def evaluation(conversations: int = 1) -> Event[Any]:
    likelihoods = tuple(
        ConversationLikelihood(conversation_key=f"{number:064}", tokens=9, base_nll=2.5, trained_nll=1.5)
        for number in range(conversations))
    return new_event(
        EvaluationGenerated(
            job_id=uuid7(), workspace_id=WORKSPACE, attempt=1, sequence=1, conversations=likelihoods,
            base_perplexity=3.0, trained_perplexity=2.0, base_model="b", generated_at=datetime.now(UTC)),
        source="/trainer")


def started() -> Event[Any]:
    return new_event(TrainingStarted(job_id=uuid7(), workspace_id=WORKSPACE, attempt=1, sequence=1,
                                     started_at=datetime.now(UTC)), source="/trainer")


async def say(js: JetStreamContext, *events: Event[Any], **headers: str) -> None:
    for event in events:
        await js.publish(event.subject, event.to_bytes(), headers={"Nats-Msg-Id": str(event.id), **headers})


@pytest_asyncio.fixture
async def js(nats_server: NatsPart) -> AsyncIterator[JetStreamContext]:
    js = await raw_jetstream(nats_server.url)
    await topology.apply(js, OLD_STREAMS, OLD_CONSUMERS)
    yield js
    await js._nc.close()


@pytest_asyncio.fixture
async def pipe(nats_server: NatsPart, new_empty_database: Callable[[], str]) -> AsyncIterator[Pipe]:
    url = new_empty_database()
    await create_tables(url)
    made = Pipe(nats_server.url, Database(url))
    yield made
    await made.close()


async def listen(pipe: Pipe, spec: ConsumerSpec) -> Bus:
    bus = Bus(PipeSettings("validator", pipe.nats_url), pipe.database)
    bus.include(events_to(record, spec))
    await bus.start()
    pipe._buses.append(bus)
    return bus


async def subjects_in(js: JetStreamContext, stream: str) -> list[str]:
    state = (await js.stream_info(stream)).state
    found = []
    for sequence in range(state.first_seq, state.last_seq + 1):
        try:
            found.append(str((await js.get_msg(stream, sequence)).subject))
        except NotFoundError:
            continue
    return found


async def test_an_installation_of_the_old_table_goes_on_where_it_was(js: JetStreamContext, pipe: Pipe) -> None:
    """An old service runs through the change and beside its successor."""
    handled, waiting, later = [evaluation() for _ in range(3)], [evaluation(), evaluation(30_000)], [evaluation()]
    others = [started(), started()]
    old = await listen(pipe, OLD_VALIDATOR)
    await say(js, others[0], *handled)
    await pipe.has_one_effect_each(handled, settle_s=0)
    await old.stop()
    await say(js, *waiting, others[1])
    await topology.apply(js, STREAMS, CONSUMERS)
    assert await subjects_in(js, "TRAINING") == [event.subject for event in others]
    assert await subjects_in(js, "EVALUATIONS") == [event.subject for event in handled + waiting]
    await listen(pipe, EVALUATIONS)
    await say(js, *later)
    await pipe.has_one_effect_each(handled + waiting + later)
    with pytest.raises(NotFoundError):
        await js.consumer_info("TRAINING", "validator_training")
    assert await topology.drift(js, STREAMS, CONSUMERS) == []


async def test_an_old_service_beside_its_successor_does_nothing_twice_and_waits(
    js: JetStreamContext, pipe: Pipe
) -> None:
    events = [evaluation() for _ in range(40)]
    old = await listen(pipe, OLD_VALIDATOR)
    await say(js, *events[:20])
    await topology.apply(js, STREAMS, CONSUMERS)
    await listen(pipe, EVALUATIONS)
    await say(js, *events[20:])
    await pipe.has_one_effect_each(events)
    await topology.apply(js, STREAMS, CONSUMERS)
    await eventually(lambda: _cannot_fetch(old))


async def _cannot_fetch(bus: Bus) -> bool:
    return any(issue.startswith("validator_training: cannot fetch") for issue in bus.health_issues())


class Dying(JetStreamContext):
    """Ends after so many messages."""

    left = 3

    async def publish(self, *args: Any, **options: Any) -> Any:
        if self.left == 0:
            raise asyncio.CancelledError
        self.left -= 1
        return await super().publish(*args, **options)


async def test_a_move_that_was_killed_is_finished_by_the_next_one(js: JetStreamContext, pipe: Pipe) -> None:
    events = [evaluation() for _ in range(5)]
    await say(js, *events)
    with pytest.raises(asyncio.CancelledError):
        await topology.apply(Dying(js._nc), STREAMS, CONSUMERS)
    assert len(await subjects_in(js, "EVALUATIONS")) == 3
    assert len(await subjects_in(js, "TRAINING")) == 5
    # As if it were done again later than the stream remembers ids.
    spec = next(spec for spec in STREAMS if spec.name == "EVALUATIONS")
    await topology.apply(js, [replace(spec, duplicate_window_s=1)], [])
    await asyncio.sleep(1.1)
    await topology.apply(js, STREAMS, CONSUMERS)
    assert len(await subjects_in(js, "EVALUATIONS")) == 8
    assert await subjects_in(js, "TRAINING") == []
    await listen(pipe, EVALUATIONS)
    await pipe.has_one_effect_each(events)


async def test_a_server_that_ended_before_the_consumers_were_changed_comes_back(
    js: JetStreamContext, nats_server: NatsPart
) -> None:
    await say(js, evaluation())
    await js.update_stream(topology.stream_config(next(spec for spec in STREAMS if spec.name == "TRAINING")))
    await js._nc.close()
    await asyncio.to_thread(nats_server.kill)
    await asyncio.to_thread(nats_server.start)
    again = await raw_jetstream(nats_server.url)
    await topology.apply(again, STREAMS, CONSUMERS)
    assert await topology.drift(again, STREAMS, CONSUMERS) == []
    assert len(await subjects_in(again, "EVALUATIONS")) == 1
    await again._nc.close()


async def test_what_a_message_once_asked_of_its_stream_stops_no_move(js: JetStreamContext) -> None:
    event = evaluation()
    await say(js, event, **{"Nats-Expected-Stream": "TRAINING", "traceparent": "00-a-b-01"})
    await topology.apply(js, STREAMS, CONSUMERS)
    moved = await js.get_msg("EVALUATIONS", 1)
    assert (moved.headers, moved.data) == ({"Nats-Msg-Id": str(event.id), "traceparent": "00-a-b-01"}, event.to_bytes())


async def test_a_retired_durable_stays_until_nothing_waits_for_it(js: JetStreamContext) -> None:
    retired = [RetiredConsumer("TRAINING", "validator_training")]
    await say(js, evaluation())
    # The server counts a little later.
    while not (await js.consumer_info("TRAINING", "validator_training")).num_pending:
        await asyncio.sleep(0.02)
    assert await moves.remove_retired(js, retired) == []
    pull = await js.pull_subscribe_bind("validator_training", stream="TRAINING")
    [message] = await pull.fetch(1)
    assert await moves.remove_retired(js, retired) == []
    await message.ack_sync()
    assert await moves.remove_retired(js, retired) == ["validator_training"]
    assert await moves.remove_retired(js, retired) == []


async def test_messages_are_kept_where_no_stream_takes_them(js: JetStreamContext) -> None:
    await say(js, evaluation())
    with pytest.raises(moves.MoveError, match="TRAINING instead of JOBS"):
        await moves.move_messages(js, [Move("evaluation.>", "TRAINING", "JOBS")])
    assert len(await subjects_in(js, "TRAINING")) == 1


@pytest.mark.parametrize("name", ["validator_training", "validator_evaluations"])
async def test_a_replay_for_the_durable_of_before_reaches_its_heir(
    js: JetStreamContext, pipe: Pipe, name: str
) -> None:
    await topology.apply(js, STREAMS, CONSUMERS)
    wanted, foreign = evaluation(), evaluation()
    await say(js, foreign, **{REPLAY_FOR_HEADER: "job_api_training"})
    await say(js, wanted, **{REPLAY_FOR_HEADER: name})
    await listen(pipe, EVALUATIONS)
    await pipe.has_one_effect_each([wanted])
