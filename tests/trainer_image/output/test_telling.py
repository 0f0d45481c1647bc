"""From a process that prints to the store that answers for it: real broker, real service."""

import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nats as nats_client
import pytest
import pytest_asyncio

from chassis.messaging import topology as topology_module
from chassis.messaging.bus import Bus
from contracts.events import LogLevel
from contracts.identifiers import uuid7
from contracts.registry import parse_event
from contracts.rpc.logs import LOG_LINES, LogLinesPage, LogLinesQuery
from contracts.streams import CONSUMERS, STREAMS
from services.metrics_ingest.app import build_runtime
from services.metrics_ingest.settings import Settings
from stack.parts import NatsPart
from tests.fake_runpod.catalog import SXM
from tests.fake_runpod.server import FakeRunPod
from tests.trainer_image.output.trainers import SmallTrainer, order, program


class Job:
    def __init__(self, bus: Any = None) -> None:
        self.job_id, self.workspace_id, self._bus = uuid7(), uuid7(), bus

    async def lines(self, **query: Any) -> LogLinesPage:
        asked = LogLinesQuery(job_id=self.job_id, workspace_id=self.workspace_id, **query)
        return await self._bus.request(LOG_LINES, asked, timeout_s=20)

    async def until(self, condition: Callable[[LogLinesPage], bool], **query: Any) -> LogLinesPage:
        for _ in range(1_000):
            if condition(page := await self.lines(**query)):
                return page
            await asyncio.sleep(0.03)
        raise AssertionError(f"it did not happen in time: {page}")


@pytest_asyncio.fixture
async def job(fresh_database: Any, settings_for: Any, topology: NatsPart) -> Any:
    database = await fresh_database("services.metrics_ingest")
    runtime = build_runtime(Settings(**settings_for("metrics_ingest", database_url=database.url)))
    bus = Bus(Settings(**settings_for("job_api")))
    async with runtime.lifespan():
        await bus.start()
        yield Job(bus)
        await bus.stop()


async def test_lines_are_there_while_the_process_runs(job: Job, topology: NatsPart, tmp_path: Path) -> None:
    trainer = SmallTrainer(tmp_path, """
        import logging
        logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
        print("printed")
        logging.warning("GET https://s3/x?X-Amz-Signature=deadbeef")
        os.write(2, b"by a library\\n")
        time.sleep(60)
        """, order(topology.url, job))
    page = await job.until(lambda page: len(page.lines) == 3)
    assert trainer.process.poll() is None, "it still runs"
    assert [line.line for line in page.lines] == [1, 2, 3]
    texts = {line.text: line.level for line in page.lines}
    assert texts.pop("printed") is LogLevel.INFO
    assert "by a library" in texts
    [warned] = [text for text in texts if "WARNING" in text]
    assert warned.endswith("X-Amz-Signature=[redacted]")
    assert (await job.lines(level="warning", search="signature")).lines[0].text == warned
    trainer.process.kill()


async def test_the_last_lines_of_a_killed_and_of_a_crashed_process_are_there(
    job: Job, topology: NatsPart, tmp_path: Path
) -> None:
    """As the error report asks for them: a hundred lines, whatever became of the process."""
    killed = SmallTrainer(tmp_path, "[print(n) for n in range(300)]; os.kill(os.getpid(), 9)", order(topology.url, job))
    assert await killed.ended() == 137
    page = await job.until(lambda page: bool(page.lines) and "ended by" in page.lines[-1].text, tail=100)
    assert [line.text for line in page.lines[:-1]] == [str(n) for n in range(201, 300)]
    assert "SIGKILL; the kernel does that when the machine's memory is used up" in page.lines[-1].text
    crashed = SmallTrainer(tmp_path, "import no_such_library", order(topology.url, job, attempt=2))
    assert await crashed.ended() == 1
    page = await job.until(lambda page: page.attempt == 2, tail=100)
    assert page.lines[-1].text == "ModuleNotFoundError: No module named 'no_such_library'"
    assert {line.level for line in page.lines} == {LogLevel.ERROR}


async def test_the_output_of_a_rented_machine_outlives_it(job: Job, topology: NatsPart, runpod: FakeRunPod) -> None:
    """Taken back without notice and deleted: RunPod has no log of it any more."""
    told = program("print('step 1'); print(os.environ['RUNPOD_API_KEY']); time.sleep(60)")
    runpod.account.options.command = (sys.executable, "-c", told)
    environment = {"BRIGHTRUN_POD_SPEC": order(topology.url, job).model_dump_json()}
    pod = runpod.account.create({"name": "a-pod", "image": "an/image", "gpu": {"id": SXM}, "env": environment})
    await job.until(lambda page: len(page.lines) == 2)
    await runpod.account.reclaim(pod.id, 0.0)
    runpod.account.terminate(pod.id)
    assert not pod.exists
    assert [line.text for line in (await job.lines(tail=100)).lines] == ["step 1", "[redacted]"]


async def test_a_container_that_starts_again_goes_on_counting(job: Job, topology: NatsPart, tmp_path: Path) -> None:
    for text in ("first", "second"):
        await SmallTrainer(tmp_path, f"print('{text}')", order(topology.url, job)).ended()
    page = await job.until(lambda page: len(page.lines) == 2)
    assert [(line.line, line.text) for line in page.lines] == [(1, "first"), (2, "second")]


async def test_a_flood_is_cut_and_the_training_does_not_wait_for_it(
    job: Job, topology: NatsPart, tmp_path: Path
) -> None:
    trainer = SmallTrainer(tmp_path, "[print('x' * 100, n) for n in range(30_000)]; print('the end')",
                           order(topology.url, job))
    assert await trainer.ended() == 0
    page = await job.until(lambda page: bool(page.lines) and page.lines[-1].text == "the end", tail=101)
    assert "lines left out: more than 20 a second" in page.lines[0].text
    assert [line.text.split()[-1] for line in page.lines[1:-1]] == [str(n) for n in range(29_901, 30_000)]
    assert page.lines[-1].line < 3_000


@pytest.mark.slow
async def test_a_broker_that_is_away_costs_no_line(nats_server: NatsPart, tmp_path: Path) -> None:
    await apply_topology(nats_server)
    job = Job()
    trainer = SmallTrainer(tmp_path, """
        for n in range(1_000):
            print(f"line {n}")
            if os.path.exists(os.environ["GO_ON"]):
                time.sleep(0.001)
            else:
                time.sleep(0.05)
        """, order(nats_server.url, job), GO_ON=str(tmp_path / "go-on"))
    await trainer.until(lambda: "line 5\n" in trainer.printed())
    await told(nats_server, job, at_least=1)
    nats_server.kill()
    await trainer.until(lambda: "line 120\n" in trainer.printed())
    nats_server.start()
    await told(nats_server, job, at_least=120)
    (tmp_path / "go-on").touch()
    assert await trainer.ended() == 0
    assert await told(nats_server, job, at_least=1_000) == [f"line {n}" for n in range(1_000)]


@pytest.mark.slow
async def test_a_broker_that_stays_away_holds_up_no_end(tmp_path: Path) -> None:
    trainer = SmallTrainer(tmp_path, "print('alone')", order("nats://127.0.0.1:1", Job()))
    assert await trainer.ended(seconds=20) == 0
    trainer = SmallTrainer(tmp_path, "print('waits'); time.sleep(60)", order("nats://127.0.0.1:1", Job()))
    await trainer.until(lambda: "waits" in trainer.printed())
    trainer.process.send_signal(signal.SIGTERM)
    assert await trainer.ended(seconds=6) == 143


async def apply_topology(server: NatsPart) -> None:
    client = await nats_client.connect(server.url, connect_timeout=5)
    await topology_module.apply(client.jetstream(timeout=10), STREAMS, CONSUMERS)
    await client.close()


async def told(server: NatsPart, job: Job, at_least: int) -> list[str]:
    """Texts by their numbers, which have no gaps; each event once."""
    for _ in range(600):
        client = await nats_client.connect(server.url, connect_timeout=5)
        js = client.jetstream(timeout=10)
        state = (await js.stream_info("LOGS")).state
        messages = [await js.get_msg("LOGS", n) for n in range(1, state.last_seq + 1)]
        await client.close()
        lines: dict[int, str] = {}
        for message in messages:
            data = parse_event(message.data).data
            assert data.job_id == job.job_id
            lines |= {data.first_line + n: line.text for n, line in enumerate(data.lines)}
        if len(lines) >= at_least:
            assert sorted(lines) == list(range(1, len(lines) + 1))
            return [lines[number] for number in sorted(lines)]
        await asyncio.sleep(0.1)
    pytest.fail(f"{len(lines)} of {at_least} lines")
