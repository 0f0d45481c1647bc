"""A pod that wants to do harm: what it tries with its own credentials, and that nothing of ours changes by it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.js.errors import APIError, NoStreamResponseError

from contracts.pod_environment import MAX_POD_MESSAGE_BYTES
from contracts.rpc.catalog import POD_RPCS
from contracts.streams import STREAMS
from services.provisioner.ports import BrokerAccount
from tests.stack.secured import Secured, secured_server

ANSWER = b'{"directive": "stop"}'


class Attack:
    """A hostile pod `me`, another workspace's pod `victim`, a provisioner that answers, and eyes on every stream."""

    def __init__(self, server: Secured) -> None:
        self.server = server
        # Another job of its own workspace, and one of another.
        self.job, self.near, self.other = uuid4(), uuid4(), uuid4()

    async def begin(self) -> None:
        others = BrokerAccount(self.server.access.new_account_key(), uuid4())
        self.me, self.victim = await self.server.pod(self.job), await self.server.pod(self.other, workspace=others)
        self.streams = await self.server.streams()
        self.provisioner = await self.server.service("provisioner")

        async def answer(message) -> None:
            await asyncio.sleep(0.3 if message.data == b"slowly" else 0)
            await message.respond(ANSWER)

        for rpc in POD_RPCS:
            await self.provisioner.subscribe(rpc.subject_filter, "provisioner", cb=answer)
        await self.provisioner.flush()

    @property
    def own(self) -> str:
        return f"training.progressed.{self.job}"

    async def counts(self) -> dict[str, int]:
        """Messages of each stream, after all that was sent has arrived."""
        if self.me.is_connected:
            await self.me.flush(2)
        await asyncio.sleep(0.15)
        return {spec.name: (await self.streams.stream_info(spec.name)).state.messages for spec in STREAMS}

    async def changed_by(self, attempt: Callable[[], Awaitable[object]]) -> dict[str, int]:
        """What an attempt added to the streams."""
        before = await self.counts()
        await attempt()
        after = await self.counts()
        return {name: after[name] - before[name] for name in after if after[name] != before[name]}


@pytest_asyncio.fixture
async def attack(tmp_path, start_part) -> AsyncIterator[Attack]:
    async for server in secured_server(tmp_path, start_part):
        made = Attack(server)
        await made.begin()
        yield made


def subjects_of_ours(other: UUID) -> list[str]:
    return [
        f"job.start_requested.{other}", f"job.completed.{other}", f"cost.updated.{other}", f"budget.exceeded.{other}",
        f"validation.updated.{other}", f"dlq.training.completed.{other}", f"pod.terminated.{other}",
        "$JS.API.STREAM.DELETE.JOBS", "$JS.API.STREAM.PURGE.METRICS", "$JS.API.CONSUMER.DELETE.JOBS.provisioner_jobs",
        "$SYS.REQ.SERVER.PING", "$SYS.REQ.CLAIMS.LIST", "rpc.cost_guard.set_budget", "_INBOX_job_api.x.y",
    ]


def subjects_of_others(other: UUID) -> list[str]:
    return [f"training.progressed.{other}", f"training.completed.{other}", f"metrics.reported.{other}",
            f"checkpoint.saved.{other}", f"pod.interrupted.{other}", f"podrpc.heartbeat.{other}",
            f"_INBOX_{other}.x.y"]


async def test_what_it_may_say_is_confirmed_and_answered(attack: Attack) -> None:
    """The wall keeps nothing away that a trainer needs."""
    stream = attack.me.jetstream(timeout=3)
    first = await stream.publish(attack.own, b"{}", headers={"Nats-Msg-Id": "1"})
    again = await stream.publish(attack.own, b"{}", headers={"Nats-Msg-Id": "1"})
    assert (first.stream, first.duplicate, again.duplicate, again.seq) == ("TRAINING", None, True, first.seq)
    stored = await attack.streams.get_msg("TRAINING", first.seq)
    assert (stored.subject, stored.headers) == (attack.own, {"Nats-Msg-Id": "1"})
    for rpc in POD_RPCS:
        assert (await attack.me.request(rpc.subject(attack.job), b"{}", timeout=2)).data == ANSWER


async def test_it_learns_that_nobody_is_there(attack: Attack) -> None:
    await attack.provisioner.drain()  # the server knows it once this returns, which after a mere close it may not
    with pytest.raises(NoRespondersError):
        await attack.me.request(f"podrpc.heartbeat.{attack.job}", b"{}", timeout=20)
    await attack.streams.delete_stream("TRAINING")
    with pytest.raises(NoStreamResponseError):
        await attack.me.jetstream(timeout=20).publish(attack.own, b"{}")


@pytest.mark.parametrize("question", ["training.progressed", "podrpc.heartbeat"])
async def test_an_answer_lands_nowhere_but_with_the_pod(attack: Attack, question: str) -> None:
    """The server confirms, and the provisioner answers, to whatever reply subject the pod names."""
    replies = [*subjects_of_ours(attack.job), *subjects_of_others(attack.other), *subjects_of_others(attack.near)]

    async def ask() -> None:
        for reply in replies:
            await attack.me.publish(f"{question}.{attack.job}", b"{}", reply)

    changed = await attack.changed_by(ask)
    assert changed == ({"TRAINING": len(replies)} if question.startswith("training") else {})


async def test_an_answer_to_everybody_disturbs_no_other_workspace(attack: Attack) -> None:
    """A wildcard as reply subject takes the answers of the pod's whole account away, hence an account per workspace."""
    asked = asyncio.create_task(attack.victim.request(f"podrpc.heartbeat.{attack.other}", b"slowly", timeout=5))
    await asyncio.sleep(0.05)
    for reply in (">", "*.*.*", f"_INBOX_{attack.other}.>", f"_INBOX_{attack.other}.*.*", f"_INBOX_{attack.other}.x"):
        await attack.me.publish(attack.own, b"{}", reply)
    assert (await asked).data == ANSWER


async def test_an_answer_acknowledges_nobodys_message(attack: Attack) -> None:
    """Reply subjects of acknowledgements pass between accounts as they are; what is said there is none."""
    job_api = await attack.server.service("job_api")
    await job_api.jetstream(timeout=3).publish(f"job.cancel_requested.{attack.other}", b"{}")
    pull = await attack.provisioner.jetstream(timeout=3).pull_subscribe_bind("provisioner_jobs", stream="JOBS")
    [message] = await pull.fetch(1, timeout=3)
    for subject in (attack.own, f"podrpc.heartbeat.{attack.job}"):
        for body in (b"+ACK", b"", b"+TERM"):
            await attack.me.publish(subject, body, reply=message.reply)
    await attack.counts()
    assert (await attack.streams.consumer_info("JOBS", "provisioner_jobs")).num_ack_pending == 1


async def test_a_trace_of_a_message_goes_nowhere_either(attack: Attack) -> None:
    """A header asks the server to report a message's way to any subject."""
    async def trace() -> None:
        for subject in (*subjects_of_ours(attack.near), *subjects_of_others(attack.near)):
            await attack.me.publish(attack.own, b"{}", headers={"Nats-Trace-Dest": subject})

    assert set(await attack.changed_by(trace)) <= {"TRAINING"}


async def test_it_publishes_to_no_other_subject(attack: Attack) -> None:
    forbidden = [*subjects_of_ours(attack.job), *subjects_of_ours(attack.other), *subjects_of_others(attack.other),
                 *subjects_of_others(attack.near)]

    async def publish() -> None:
        for subject in forbidden:
            await attack.me.publish(subject, b"{}")

    assert await attack.changed_by(publish) == {}
    denied = (await attack.server.denied(attack.me)).lower()
    assert [subject for subject in forbidden if f'publish to "{subject}"'.lower() not in denied] == []


async def test_it_hears_nobody(attack: Attack) -> None:
    hidden = [
        ">", "*.>", f"_INBOX_{attack.other}.>", "_INBOX_job_api.>", "_INBOX.>", "training.>", "job.>", "dlq.>",
        "$SYS.>", "$JS.EVENT.>", "_R_.>", f"podcmd.{attack.job}", f"podrpc.heartbeat.{attack.job}",
        f"training.progressed.{attack.job}",
    ]
    heard: list[str] = []

    async def note(message) -> None:
        heard.append(message.subject)

    for subject in hidden:
        await attack.me.subscribe(subject, cb=note)
    denied = (await attack.server.denied(attack.me)).lower()
    assert [subject for subject in hidden if f'subscription to "{subject}"'.lower() not in denied] == []
    await attack.victim.jetstream(timeout=3).publish(f"training.progressed.{attack.other}", b"secret")
    await attack.counts()
    assert heard == []


async def test_it_reads_no_stream_and_makes_no_consumer(attack: Attack) -> None:
    await attack.victim.jetstream(timeout=3).publish(f"training.progressed.{attack.other}", b"secret")
    calls = {
        "$JS.API.INFO": b"", "$JS.API.STREAM.NAMES": b"", "$JS.API.STREAM.INFO.TRAINING": b"",
        "$JS.API.STREAM.MSG.GET.TRAINING": b'{"seq": 1}', "$JS.API.DIRECT.GET.TRAINING": b'{"seq": 1}',
        "$JS.API.CONSUMER.CREATE.TRAINING.mine": json.dumps(
            {"stream_name": "TRAINING", "config": {"deliver_subject": f"_INBOX_{attack.job}.x"}}).encode(),
        "$JS.API.CONSUMER.MSG.NEXT.TRAINING.job_api_training": b"1",
        "$JS.API.STREAM.CREATE.MINE": b'{"name": "MINE", "subjects": ["mine"]}',
        "$JS.API.STREAM.DELETE.TRAINING": b"", "$JS.API.STREAM.PURGE.TRAINING": b"",
    }
    before = (await attack.streams.stream_info("TRAINING")).state
    for subject, body in calls.items():
        with pytest.raises(NatsError):
            await attack.me.request(subject, body, timeout=0.2)
        await attack.me.publish(attack.own, body, reply=subject)
    await attack.counts()
    after = (await attack.streams.stream_info("TRAINING")).state
    assert (after.consumer_count, after.messages) == (before.consumer_count, before.messages + len(calls))
    assert {stream.config.name for stream in await attack.streams.streams_info()} == {spec.name for spec in STREAMS}


async def test_headers_do_not_command_a_stream(attack: Attack) -> None:
    await attack.victim.jetstream(timeout=3).publish(f"training.progressed.{attack.other}", b"kept")
    before = await attack.counts()
    for headers in ({"Nats-Rollup": "all"}, {"Nats-Rollup": "sub"}, {"Nats-TTL": "1s"}, {"Nats-Incr": "1"},
                    {"Nats-Schedule": "@every 1s", "Nats-Schedule-Target": f"job.completed.{attack.job}"},
                    {"Nats-Batch-Id": "b", "Nats-Batch-Sequence": "1", "Nats-Batch-Commit": "1"}):
        await attack.me.publish(attack.own, b"{}", headers=headers)
    after = await attack.counts()
    assert after["TRAINING"] >= before["TRAINING"]
    assert {name: count for name, count in after.items() if name != "TRAINING"} == {
        name: count for name, count in before.items() if name != "TRAINING"}
    assert (await attack.streams.get_msg("TRAINING", before["TRAINING"])).data == b"kept"


async def test_many_subscriptions_cost_it_its_connection(attack: Attack) -> None:
    for number in range(200):
        try:
            await attack.me.subscribe(f"_INBOX_{attack.job}.{number}")
        except NatsError:
            break
    await asyncio.sleep(0.3)
    assert not attack.me.is_connected
    assert (await attack.victim.request(f"podrpc.heartbeat.{attack.other}", b"{}", timeout=2)).data == ANSWER


async def test_a_message_that_no_stream_takes_gets_an_answer(attack: Attack) -> None:
    await attack.streams.update_stream(name="TRAINING", subjects=["training.>", "checkpoint.>"],
                                       max_msg_size=1024**2)
    before = await attack.counts()
    with pytest.raises(APIError) as refused:
        await attack.me.jetstream(timeout=5).publish(attack.own, b"x" * 3 * 1024**2)
    assert refused.value.err_code == 10054
    assert attack.me.is_connected
    assert await attack.counts() == before


async def test_a_message_larger_than_any_ends_the_connection(attack: Attack) -> None:
    before = await attack.counts()
    attack.me._max_payload = 2**40  # a client that does not care
    with suppress(NatsError, TimeoutError):
        async with asyncio.timeout(3):
            await attack.me.publish(attack.own, b"x" * (MAX_POD_MESSAGE_BYTES + 1))
    await asyncio.sleep(0.2)
    assert not attack.me.is_connected
    assert await attack.counts() == before
