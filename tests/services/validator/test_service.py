"""The running service over real PostgreSQL and NATS."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from chassis.problems.errors import ServiceUnavailable
from contracts.envelope import new_event
from contracts.events import ConversationLikelihood, EvaluationGenerated
from contracts.identifiers import uuid7
from contracts.rpc.validation import EVALUATION, EvaluationQuery
from tests.services.validator.conftest import until


def evaluation(
    job_id: UUID, workspace_id: UUID, *, conversations: int = 12, attempt: int = 1, trained: float = 2.4
) -> EvaluationGenerated:
    rows = tuple(
        ConversationLikelihood(
            conversation_key=f"c-{n}", tokens=100, base_nll=300.0 + n, trained_nll=100 * trained + 3 * n, group="calm"
        )
        for n in range(conversations)
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
    """Asked again while there is none, and while the service is too busy to answer, as every caller does."""

    async def found():
        try:
            view = await caller.request(EVALUATION, EvaluationQuery(job_id=job_id, workspace_id=workspace_id))
        except ServiceUnavailable:
            return None
        return view if view.found else None

    return await until(found)


async def dead_letter(jetstream):
    async def first():
        return (await jetstream.stream_info("DLQ")).state.messages or None

    await until(first)
    return await jetstream.get_msg("DLQ", 1)


async def test_an_evaluation_becomes_one_verdict_and_an_answer(validator, caller, jetstream, verdicts) -> None:
    job_id, workspace_id = uuid7(), uuid7()
    event = await publish(jetstream, evaluation(job_id, workspace_id))
    await publish(jetstream, event.data, event_id=event.id, dedup="again")  # past the server's deduplication
    view = await answer(caller, job_id, workspace_id)
    assert (view.verdict, view.method, view.independent_conversations) == ("proven", "cr2-t/1", 12)
    said = await verdicts(1)
    assert [item.job_id for item in said] == [job_id]
    assert said[0].improvement_low_pct < said[0].perplexity_improvement_pct < said[0].improvement_high_pct
    assert (said[0].missing_conversations, said[0].method) == (0, "cr2-t/1")


async def test_two_conversations_have_no_interval(validator, caller, jetstream, verdicts) -> None:
    job_id, workspace_id = uuid7(), uuid7()
    await publish(jetstream, evaluation(job_id, workspace_id, conversations=2))
    view = await answer(caller, job_id, workspace_id)
    assert (view.verdict, view.missing_conversations) == ("too_few", 8)
    assert view.perplexity_improvement_pct > 0
    said = (await verdicts(1))[0]
    assert (said.verdict, said.missing_conversations) == ("too_few", 8)
    assert "improvement_low_pct" not in said.model_fields_set  # left out of the message, not null


async def test_what_got_worse_is_listed_first(validator, caller, jetstream) -> None:
    job_id, workspace_id = uuid7(), uuid7()
    data = evaluation(job_id, workspace_id)
    lost = data.conversations[7].model_copy(update={"trained_nll": 400.0})
    rows = (*data.conversations[:7], lost, *data.conversations[8:])
    await publish(jetstream, data.model_copy(update={"conversations": rows}))
    view = await answer(caller, job_id, workspace_id)
    assert (view.worse_conversations, view.samples, len(view.conversations)) == (1, 12, 12)
    assert view.conversations[0].conversation_key == "c-7"
    assert view.conversations[0].trained_perplexity > view.conversations[0].base_perplexity


async def test_a_stranger_sees_nothing(validator, caller, jetstream) -> None:
    job_id, workspace_id = uuid7(), uuid7()
    await publish(jetstream, evaluation(job_id, workspace_id))
    await answer(caller, job_id, workspace_id)
    assert not (await caller.request(EVALUATION, EvaluationQuery(job_id=job_id, workspace_id=uuid7()))).found


async def test_the_newest_attempt_is_the_jobs(validator, caller, jetstream, verdicts) -> None:
    job_id, workspace_id = uuid7(), uuid7()
    await publish(jetstream, evaluation(job_id, workspace_id, attempt=2, trained=2.0))
    await publish(jetstream, evaluation(job_id, workspace_id, attempt=1, trained=2.9))
    await verdicts(2)
    assert (await answer(caller, job_id, workspace_id)).attempt == 2


async def test_an_answer_stays_below_the_largest_message(validator, caller, jetstream) -> None:
    job_id, workspace_id = uuid7(), uuid7()
    await publish(jetstream, evaluation(job_id, workspace_id, conversations=20_000))
    view = await answer(caller, job_id, workspace_id)
    assert (view.independent_conversations, view.samples, len(view.conversations)) == (20_000, 20_000, 5_000)


@pytest.mark.parametrize(
    ("conversations", "reason"),
    [
        ((), "no conversations"),
        (
            (ConversationLikelihood(conversation_key="c-1", tokens=9, base_nll=float("inf"), trained_nll=1.0),),
            "'c-1': base_nll is inf",
        ),
    ],
)
async def test_an_unusable_evaluation_is_dead_lettered_at_once(validator, jetstream, conversations, reason) -> None:
    event = new_event(evaluation(uuid7(), uuid7(), conversations=1), source="/trainer")
    event = event.model_copy(update={"data": event.data.model_copy(update={"conversations": conversations})})
    raw = event.to_bytes().replace(b'"base_nll":null', b'"base_nll":1e999')
    await jetstream.publish(event.subject, raw)
    message = await dead_letter(jetstream)
    assert reason in message.headers["x-error"]
    assert message.headers["x-error-type"] == "Permanent"
