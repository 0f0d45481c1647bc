"""The running service over real PostgreSQL and NATS."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest_asyncio

from chassis.messaging.bus import Bus
from contracts.envelope import new_event
from contracts.events import ConversationLikelihood, EvaluationGenerated, ValidationUpdated
from contracts.identifiers import uuid7
from contracts.registry import parse_event
from contracts.rpc.validation import EVALUATION, EvaluationQuery
from services.validator.app import build_runtime
from services.validator.settings import Settings


@pytest_asyncio.fixture
async def validator(fresh_database, settings_for, topology):
    database = await fresh_database("services.validator")
    settings = Settings(**settings_for("validator", database_url=database.url))
    runtime = build_runtime(settings)
    async with runtime.lifespan():
        yield runtime


@pytest_asyncio.fixture
async def caller(settings_for, topology):
    bus = Bus(Settings(**settings_for("job_api")))
    await bus.start()
    yield bus
    await bus.stop()


def evaluation(job_id: UUID, workspace_id: UUID, *, attempt: int = 1, trained: float = 2.4) -> EvaluationGenerated:
    rows = tuple(
        ConversationLikelihood(
            conversation_key=f"c-{n}", tokens=100, base_nll=300.0 + n, trained_nll=100 * trained + n, group="calm"
        )
        for n in range(4)
    )
    return EvaluationGenerated(
        job_id=job_id,
        workspace_id=workspace_id,
        attempt=attempt,
        conversations=rows,
        base_perplexity=20.0,
        trained_perplexity=11.0,
        base_model="base",
        generated_at=datetime.now(UTC),
    )


async def publish(jetstream, data, event_id=None, dedup=None):
    event = new_event(data, source="/trainer", event_id=event_id)
    await jetstream.publish(event.subject, event.to_bytes(), headers={"Nats-Msg-Id": dedup or str(event.id)})
    return event


async def answer(caller, job_id, workspace_id):
    for _ in range(100):
        view = await caller.request(EVALUATION, EvaluationQuery(job_id=job_id, workspace_id=workspace_id))
        if view.found:
            return view
        await asyncio.sleep(0.05)
    raise AssertionError("the evaluation never appeared")


async def verdicts(jetstream, count: int) -> list[ValidationUpdated]:
    for _ in range(100):
        if (await jetstream.stream_info("VALIDATION")).state.messages >= count:
            break
        await asyncio.sleep(0.05)
    last = (await jetstream.stream_info("VALIDATION")).state.messages
    return [parse_event((await jetstream.get_msg("VALIDATION", n)).data).data for n in range(1, last + 1)]


async def test_an_evaluation_becomes_one_verdict_and_an_answer(validator, caller, jetstream) -> None:
    job_id, workspace_id = uuid7(), uuid7()
    event = await publish(jetstream, evaluation(job_id, workspace_id))
    await publish(jetstream, event.data, event_id=event.id, dedup="again")  # past the server's deduplication
    view = await answer(caller, job_id, workspace_id)
    assert view.verdict == "proven"
    assert len(view.conversations) == 4
    assert view.conversations[0].base_perplexity > view.conversations[0].trained_perplexity
    said = await verdicts(jetstream, 1)
    assert [item.job_id for item in said] == [job_id]
    assert said[0].improvement_low_pct <= said[0].perplexity_improvement_pct <= said[0].improvement_high_pct


async def test_a_stranger_sees_nothing(validator, caller, jetstream) -> None:
    job_id, workspace_id = uuid7(), uuid7()
    await publish(jetstream, evaluation(job_id, workspace_id))
    await answer(caller, job_id, workspace_id)
    assert not (await caller.request(EVALUATION, EvaluationQuery(job_id=job_id, workspace_id=uuid7()))).found


async def test_the_newest_attempt_is_the_jobs(validator, caller, jetstream) -> None:
    job_id, workspace_id = uuid7(), uuid7()
    await publish(jetstream, evaluation(job_id, workspace_id, attempt=2, trained=2.0))
    await publish(jetstream, evaluation(job_id, workspace_id, attempt=1, trained=2.9))
    await verdicts(jetstream, 2)
    assert (await answer(caller, job_id, workspace_id)).attempt == 2


async def test_an_empty_evaluation_is_dead_lettered(validator, jetstream) -> None:
    data = evaluation(uuid7(), uuid7()).model_copy(update={"conversations": ()})
    await publish(jetstream, data)
    for _ in range(100):
        if (await jetstream.stream_info("DLQ")).state.messages:
            break
        await asyncio.sleep(0.05)
    message = await jetstream.get_msg("DLQ", 1)
    assert "no conversations" in message.headers["x-error"]
