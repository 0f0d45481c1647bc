"""Typed questions over core NATS: answers, refusals, silence."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from pydantic import BaseModel, Field

from chassis.messaging.bus import Bus
from chassis.messaging.requests import PodJob, RequestRouter
from chassis.problems import Conflict, ProblemError, ServiceUnavailable
from contracts.rpc.spec import PodRpc, Rpc
from stack.parts import NatsPart
from tests.chassis.messaging.pipe import PipeSettings, eventually


class Question(BaseModel):
    amount: int = Field(ge=0)


class LooseQuestion(BaseModel):
    amount: int


class Answer(BaseModel):
    doubled: int
    job_id: str = ""


DOUBLE = Rpc("answerer", "double", Question, Answer)
HEARTBEAT = PodRpc("answerer", "heartbeat", Question, Answer)


async def double(question: Question) -> Answer:
    return Answer(doubled=question.amount * 2)


BusFactory = Callable[..., Awaitable[Bus]]
Answering = Callable[[Question], Awaitable[Answer]]


def answering(handler: Answering) -> RequestRouter:
    """A router that answers DOUBLE."""
    router = RequestRouter()

    @router.rpc(DOUBLE)
    async def answer(question: Question) -> Answer:
        return await handler(question)

    return router


@pytest_asyncio.fixture
async def bus(nats: NatsPart) -> AsyncIterator[BusFactory]:
    started: list[Bus] = []

    async def make(service: str, *routers: RequestRouter) -> Bus:
        made = Bus(PipeSettings(service, nats.url))
        made.include(*routers)
        await made.start()
        started.append(made)
        return made

    yield make
    for made in started:
        await made.stop()


async def test_a_question_is_answered(bus: BusFactory) -> None:
    await bus("answerer", answering(double))
    asker = await bus("asker")
    replies = await asyncio.gather(*(asker.request(DOUBLE, Question(amount=n)) for n in range(100)))
    assert [reply.doubled for reply in replies] == [2 * n for n in range(100)]


async def test_a_problem_is_raised_again_as_it_was(bus: BusFactory) -> None:
    async def refuse(question: Question) -> Answer:
        raise Conflict("Not enough money: 3 USD left, 5 USD needed.", code="budget_exceeded",
                       suggested_fix="Raise the budget.", left_micro_usd=3_000_000)

    await bus("answerer", answering(refuse))
    asker = await bus("asker")
    with pytest.raises(ProblemError) as caught:
        await asker.request(DOUBLE, Question(amount=1))
    problem = caught.value
    assert (problem.code, problem.status, problem.retryable) == ("budget_exceeded", 409, False)
    assert problem.suggested_fix == "Raise the budget."
    assert problem.extra["left_micro_usd"] == 3_000_000


async def test_nobody_there_is_503(bus: BusFactory) -> None:
    asker = await bus("asker")
    with pytest.raises(ServiceUnavailable, match="answerer is not running") as caught:
        await asker.request(DOUBLE, Question(amount=1))
    assert (caught.value.status, caught.value.code) == (503, "no_answer")


@pytest.mark.slow
async def test_no_answer_in_time_is_503(bus: BusFactory) -> None:
    async def sleep(question: Question) -> Answer:
        await asyncio.sleep(5)
        return Answer(doubled=0)

    await bus("answerer", answering(sleep))
    asker = await bus("asker")
    with pytest.raises(ServiceUnavailable, match="did not answer in time"):
        await asker.request(DOUBLE, Question(amount=1), timeout_s=0.2)


async def test_a_bug_in_the_answer_shows_no_details(bus: BusFactory) -> None:
    async def broken(question: Question) -> Answer:
        raise KeyError("secret internals")

    await bus("answerer", answering(broken))
    asker = await bus("asker")
    with pytest.raises(ProblemError) as caught:
        await asker.request(DOUBLE, Question(amount=1))
    assert caught.value.status == 500
    assert "secret" not in caught.value.to_problem().model_dump_json()


async def test_an_invalid_question_names_the_field(bus: BusFactory) -> None:
    await bus("answerer", answering(double))
    asker = await bus("asker")
    loose = Rpc("answerer", "double", LooseQuestion, Answer)
    with pytest.raises(ProblemError) as caught:
        await asker.request(loose, LooseQuestion(amount=-1))
    assert caught.value.status == 422
    assert caught.value.extra["errors"][0]["field"] == "amount"


async def test_the_job_of_a_pod_comes_from_the_subject(bus: BusFactory) -> None:
    router = RequestRouter()

    @router.pod_rpc(HEARTBEAT)
    async def beat(question: Question, job_id: PodJob) -> Answer:
        return Answer(doubled=question.amount * 2, job_id=job_id)

    await bus("answerer", router)
    pod = await bus("pod")
    message = await pod.connection.client.request(HEARTBEAT.subject("job-7"), b'{"amount": 4}', timeout=5)
    assert Answer.model_validate_json(message.data) == Answer(doubled=8, job_id="job-7")


async def test_one_slow_answer_does_not_hold_up_the_others(bus: BusFactory) -> None:
    release = asyncio.Event()

    async def first_waits(question: Question) -> Answer:
        if question.amount == 0:
            await release.wait()
        return Answer(doubled=question.amount * 2)

    await bus("answerer", answering(first_waits))
    asker = await bus("asker")
    slow = asyncio.create_task(asker.request(DOUBLE, Question(amount=0), timeout_s=30))
    await asyncio.sleep(0.1)
    assert (await asker.request(DOUBLE, Question(amount=2))).doubled == 4
    release.set()
    assert (await slow).doubled == 0


async def test_replicas_share_the_questions(bus: BusFactory) -> None:
    answered: dict[str, int] = {"a": 0, "b": 0}

    def counting(name: str) -> Callable[[Bus], None]:
        async def count(question: Question) -> Answer:
            answered[name] += 1
            return Answer(doubled=0)

        return answering(count)

    await bus("answerer", counting("a"))
    await bus("answerer", counting("b"))
    asker = await bus("asker")
    for n in range(40):
        await asker.request(DOUBLE, Question(amount=n))
    assert sum(answered.values()) == 40
    assert min(answered.values()) > 0


async def test_a_closed_client_is_replaced_with_all_its_answers(bus: BusFactory) -> None:
    """Some server errors make the client close for good; the connection is then built anew."""
    answerer = await bus("answerer", answering(double))
    asker = await bus("asker")
    await answerer.connection.client.close()

    async def answered() -> bool:
        return (await asker.request(DOUBLE, Question(amount=3), timeout_s=0.5)).doubled == 6

    await eventually(answered)
    assert answerer.health_issues() == []


async def test_a_question_survives_a_restart_of_the_broker(nats_server: NatsPart) -> None:
    """Asked again: once the connection is back, and once somebody is there to hear."""
    asked, taken = list[int](), asyncio.Event()

    async def answer(question: Question) -> Answer:
        asked.append(question.amount)
        if not taken.is_set():
            taken.set()
            await asyncio.sleep(60)  # its answer comes too late for the one who asked
        return Answer(doubled=question.amount * 2)

    answerer, asker = (Bus(PipeSettings(name, nats_server.url), grace_s=0.1) for name in ("answerer", "asker"))
    answerer.include(answering(answer))
    await answerer.start()
    await asker.start()
    waiting = asyncio.create_task(asker.request(DOUBLE, Question(amount=4), timeout_s=50))
    await taken.wait()
    await asyncio.to_thread(nats_server.kill)
    late = asyncio.create_task(asker.request(DOUBLE, Question(amount=5), timeout_s=50))
    await asyncio.to_thread(nats_server.start)
    assert [(await waiting).doubled, (await late).doubled] == [8, 10]
    assert sorted(asked) == [4, 4, 5]
    for bus in (asker, answerer):
        await bus.stop()


async def test_a_question_asked_while_the_connection_breaks_is_asked_again(bus: BusFactory) -> None:
    """The client knows of the break a moment before it tells."""
    await bus("answerer", answering(double))
    asker = await bus("asker")
    assert not asker.connection.lost_within(60)
    await asker.connection.client.force_reconnect()
    assert not asker.connection.is_connected
    assert asker.connection.lost_within(60)
    assert (await asker.request(DOUBLE, Question(amount=3), timeout_s=50)).doubled == 6


async def test_a_broker_that_is_away_for_long_is_not_waited_for(nats: NatsPart) -> None:
    asker = Bus(PipeSettings("asker", "nats://127.0.0.1:1"))
    with pytest.raises(ServiceUnavailable, match="not connected"):
        await asker.request(DOUBLE, Question(amount=1), timeout_s=60)
