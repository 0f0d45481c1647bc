"""What is published reaches the broker: in order, confirmed, after outages, and only as far as the pod's key allows."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import nats
import pytest
import pytest_asyncio

from chassis.messaging import topology
from contracts.events import PodInterrupted, PodTerminated, TrainingWarning
from contracts.pod_environment import PodSpec
from contracts.presets import PRESETS
from contracts.rpc.pods import HEARTBEAT, LIST_CHECKPOINTS, HeartbeatReply, ListCheckpoints
from contracts.streams import CONSUMERS, STREAMS
from services.provisioner.ports import BrokerAccount
from stack.nats_security import NatsSecurity
from stack.parts import NatsPart, Part, S3Part, free_port
from tests.stack.secured import broker_access
from tests.trainer_image.provisioner import Provisioner
from tests.trainer_image.runs import stored
from trainer_image.errors import NetworkLost
from trainer_image.journal import Journal
from trainer_image.reporter import Reporter


def spec(url: str, job_id: UUID | None = None) -> PodSpec:
    job = job_id or uuid4()
    return PodSpec(job_id=job, workspace_id=uuid4(), attempt=1, pod_name=f"job-{job}-a1", nats_url=url,
                   base_model="none", hyperparameters=PRESETS["balanced"].hyperparameters, training_file_sha256="",
                   max_duration_s=60, heartbeat_interval_s=0.1)


@pytest_asyncio.fixture
async def reporter_for(tmp_path: Path) -> AsyncIterator[Callable[..., Reporter]]:
    made: list[Reporter] = []

    def build(pod: PodSpec, credentials: str = "", **options: Any) -> Reporter:
        reporter = Reporter(pod, credentials, tmp_path / str(len(made)), on_stop=options.pop("on_stop", print))
        made.append(reporter)
        return reporter

    yield build
    for reporter in made:
        await end(reporter)


async def end(reporter: Reporter) -> None:
    """The product's process just exits; here other tests follow."""
    loop = reporter._loop
    if not loop.is_running():
        return

    async def close() -> None:
        if client := reporter._broker._client:
            await client.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    await asyncio.wait_for(asyncio.wrap_future(asyncio.run_coroutine_threadsafe(close(), loop)), 10)
    loop.call_soon_threadsafe(loop.stop)


async def drained(reporter: Reporter, timeout_s: float = 20.0) -> bool:
    return await asyncio.to_thread(reporter.drain, timeout_s)


async def apply_topology(url: str, **options: Any) -> None:
    client = await nats.connect(url, connect_timeout=5, max_reconnect_attempts=-1, **options)
    await topology.apply(client.jetstream(timeout=10), STREAMS, CONSUMERS)
    await client.close()


def warn(reporter: Reporter, numbers: range) -> None:
    for number in numbers:
        reporter.publish(TrainingWarning, code=f"w{number}", message="-")


async def warnings_at(url: str, job_id: UUID) -> list[str]:
    client = await nats.connect(url, connect_timeout=5)
    events = await stored(client.jetstream(timeout=10), "TRAINING", job_id)
    await client.close()
    return [event.data.code for event in events]


async def test_says_everything_in_order_even_before_there_is_a_broker(
    nats_server: NatsPart, reporter_for: Callable[..., Reporter]
) -> None:
    await apply_topology(nats_server.url)
    nats_server.kill()
    reporter = reporter_for(spec(nats_server.url))
    warn(reporter, range(40))
    reporter.start()
    await asyncio.sleep(0.3)
    nats_server.start()
    warn(reporter, range(40, 100))
    assert await drained(reporter)
    assert await warnings_at(nats_server.url, reporter.spec.job_id) == [f"w{number}" for number in range(100)]


@pytest.mark.parametrize("others", [0, 50])
async def test_a_stream_that_was_lost_is_filled_again(
    nats_server: NatsPart, reporter_for: Callable[..., Reporter], others: int
) -> None:
    """Also when other speakers have brought the new stream's numbers beyond the old ones already."""
    await apply_topology(nats_server.url)
    reporter = reporter_for(spec(nats_server.url))
    reporter.start()
    warn(reporter, range(5))
    assert await drained(reporter)
    nats_server.kill()
    nats_server.wipe()
    reporter_url, nats_server.port = nats_server.url, nats_server.port
    nats_server.start()
    await apply_topology(reporter_url)
    client = await nats.connect(reporter_url)
    for _ in range(others):
        await client.jetstream(timeout=10).publish(f"training.warning.{uuid4()}", b"{}")
    warn(reporter, range(5, 7))
    assert await drained(reporter)
    found = (await client.jetstream(timeout=10).stream_info("TRAINING")).state.messages
    await client.close()
    assert found == others + 7


def test_the_journal_survives_the_end_of_its_process(tmp_path: Path, reporter_for: Callable[..., Reporter]) -> None:
    reporter = reporter_for(spec("nats://127.0.0.1:1"))
    warn(reporter, range(3))
    path = tmp_path / "0" / "events.journal"
    with path.open("ab") as file:
        file.write(b"training.warning.x\thalf a line")
    journal = Journal(path)
    assert journal.count == 3
    assert [entry.end for entry in journal.read(0, 10)][-1] == journal.end == path.stat().st_size


class SecuredBroker:
    def __init__(self, folder: Path, start_part: Callable[[Part], Part]) -> None:
        self.security = NatsSecurity.ensure(folder / "nats")
        websocket = free_port()
        config = self.security.server_config() + f'websocket {{ listen: "127.0.0.1:{websocket}", no_tls: true }}\n'
        self.part = start_part(NatsPart(folder / "nats", extra_config=config, durable=False))
        assert isinstance(self.part, NatsPart)
        self.url = self.part.url
        # As behind a proxy: any path of the name.
        self.ways = {"nats": self.url, "websocket": f"ws://127.0.0.1:{websocket}/nats"}

    async def pod_credentials(self, job_id: UUID) -> str:
        access = broker_access(self.security, self.url)
        account = BrokerAccount(access.new_account_key(), uuid4())
        await access.publish([account])
        return access.issue(account.key, job_id, 600).text

    def service_options(self, name: str) -> dict[str, Any]:
        return {"user_credentials": str(self.security.creds_file(name)), "inbox_prefix": f"_INBOX_{name}"}


@pytest.mark.parametrize("way", ["nats", "websocket"])
async def test_with_the_pods_own_key(
    tmp_path: Path, start_part: Callable[[Part], Part], s3: S3Part, reporter_for: Callable[..., Reporter], way: str
) -> None:
    """Operator mode: events and questions pass, an event that is not the trainer's is left out, nothing waits."""
    broker = SecuredBroker(tmp_path, start_part)
    await apply_topology(broker.url, **broker.service_options("topology"))
    provisioner = Provisioner(s3)
    await provisioner.start(broker.url, **broker.service_options("provisioner"))
    pod = spec(broker.ways[way], provisioner.job_id)
    reporter = reporter_for(pod, await broker.pod_credentials(pod.job_id))
    reporter._publisher.ack_timeout_s = 0.2
    reporter.start()
    reply = await asyncio.to_thread(reporter.ask, LIST_CHECKPOINTS, ListCheckpoints(attempt=1), patience_s=10)
    assert reply.checkpoints == ()
    now = datetime.now(UTC)
    reporter.publish(PodTerminated, pod_name="p", provider="x", gpu_type="local", pricing_tier="spot",
                     terminated_at=now)
    reporter.publish_at_once(PodInterrupted, pod_name="p", detected_by="sigterm", interrupted_at=now)
    warn(reporter, range(3))
    assert await drained(reporter)
    assert provisioner.asked["heartbeat"] > 0
    await provisioner.stop()


async def test_a_question_without_an_answer_ends_after_its_patience(
    nats_server: NatsPart, reporter_for: Callable[..., Reporter]
) -> None:
    reporter = reporter_for(spec(nats_server.url))
    reporter.start()
    with pytest.raises(NetworkLost, match="did not answer list_checkpoints"):
        await asyncio.to_thread(reporter.ask, LIST_CHECKPOINTS, ListCheckpoints(attempt=1), patience_s=1)


async def test_stop_is_obeyed(
    nats_server: NatsPart, s3: S3Part, reporter_for: Callable[..., Reporter]
) -> None:
    provisioner = Provisioner(s3, directive="stop")
    await provisioner.start(nats_server.url)
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    reporter_for(spec(nats_server.url, provisioner.job_id),
                 on_stop=lambda reason: loop.call_soon_threadsafe(told.set)).start()
    await asyncio.wait_for(told.wait(), 10)
    await provisioner.stop()


async def test_a_heartbeat_without_an_answer_is_soon_repeated(
    topology: NatsPart, reporter_for: Callable[..., Reporter], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The replica that got the first one hangs; the next one is well."""
    monkeypatch.setattr("trainer_image.reporter._QUICK_ANSWER_S", 0.2)
    pod = spec(topology.url).model_copy(update={"heartbeat_interval_s": 1.5})
    asked: asyncio.Queue[int] = asyncio.Queue()
    client = await nats.connect(topology.url)

    async def answer(message: Any) -> None:
        asked.put_nowait(1)
        if asked.qsize() > 1:
            await message.respond(HeartbeatReply(directive="continue").model_dump_json().encode())

    await client.subscribe(HEARTBEAT.subject(pod.job_id), cb=answer)
    await client.flush()
    reporter_for(pod).start()
    async with asyncio.timeout(60):
        while asked.qsize() < 2:
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.7)
    assert asked.qsize() == 2, "not again before it is time"
    await client.close()


async def test_every_message_goes_on_with_the_trace_of_its_job(
    nats_server: NatsPart, reporter_for: Callable[..., Reporter]
) -> None:
    """Consumers look for it in the header: their spans are then of the trace that the start of the job began."""
    await apply_topology(nats_server.url)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    reporter = reporter_for(spec(nats_server.url).model_copy(update={"traceparent": trace}))
    reporter.start()
    warn(reporter, range(1))
    assert await drained(reporter)
    client = await nats.connect(nats_server.url, connect_timeout=5)
    message = await client.jetstream(timeout=10).get_last_msg("TRAINING", f"training.warning.{reporter.spec.job_id}")
    await client.close()
    assert message.headers is not None
    assert message.headers["traceparent"] == trace
