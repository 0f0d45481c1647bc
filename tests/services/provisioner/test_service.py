"""The service as a process over the real parts: trainers that run, and everything killed with -9."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest
import pytest_asyncio
from nats.js import JetStreamContext

from contracts import events
from contracts.envelope import EventData, new_event
from contracts.registry import parse_event
from services.provisioner.domain.names import pod_name
from stack.parts import NatsPart
from tests.fixtures.databases import DatabaseFactory
from tests.services.provisioner.world import WORKSPACE, completed, start_request

SLEEPER = "import time; print('training', flush=True); time.sleep(600)"


class Service:
    """One provisioner with its folder of pods; its pods end with this process."""

    def __init__(self, environment: dict[str, str], jetstream: JetStreamContext) -> None:
        self.environment, self.jetstream = environment, jetstream
        self.folder = Path(environment["BRIGHTRUN_DATA_DIR"]) / "pods"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-m", "services.provisioner"], env=self.environment)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    async def publish(self, data: EventData) -> None:
        event = new_event(data, source="/test")
        await self.jetstream.publish(event.subject, event.to_bytes(), headers={"Nats-Msg-Id": str(event.id)})

    async def started(self) -> UUID:
        start = start_request()
        await self.publish(start)
        return start.job_id

    async def received(self, job_id: UUID) -> list[Any]:
        """All pod events of this job, oldest first."""
        info = await self.jetstream.stream_info("PODS")
        found = []
        for sequence in range(max(1, info.state.first_seq), info.state.last_seq + 1):
            message = await self.jetstream.get_msg("PODS", sequence)
            event = parse_event(message.data or b"")
            if event.data.job_id == job_id:
                found.append(event.data)
        return found

    async def kinds(self, job_id: UUID) -> list[str]:
        return [f"{data.event} a{data.attempt}" for data in await self.received(job_id)]

    def trainer(self, job_id: UUID, attempt: int = 1) -> int:
        return int(json.loads((self.folder / pod_name(job_id, attempt) / "status.json").read_text())["trainer_pid"])

    def trainers(self, job_id: UUID) -> list[int]:
        """Every living trainer of the job, wherever it came from."""
        return [process.pid for process in psutil.process_iter()
                if str(job_id) in _environment(process).get("BRIGHTRUN_POD_SPEC", "")
                and process.cmdline()[-1:] == [SLEEPER] and process.status() != psutil.STATUS_ZOMBIE
                and "local_shim.py" not in " ".join(process.cmdline())]


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.Error:
        return {}


async def until(check: Callable[[], Awaitable[bool]], what: str, within_s: float = 90.0) -> None:
    deadline = time.monotonic() + within_s
    while not await check():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.05)


@pytest_asyncio.fixture
async def service(
    fresh_database: DatabaseFactory, topology: NatsPart, jetstream: JetStreamContext,
    environment_for: Callable[..., dict[str, str]],
) -> AsyncIterator[Service]:
    database = await fresh_database("services.provisioner")
    environment = environment_for(
        "provisioner", database_url=database.url, stack_pid=os.getpid(), lease_s=6, call_timeout_s=4,
        trainer_command=json.dumps([sys.executable, "-S", "-c", SLEEPER]), first_heartbeat_timeout_s=600)
    made = Service({**os.environ, "PYTHONPATH": str(Path.cwd()), **environment}, jetstream)
    made.start()
    yield made
    made.stop()
    for path in made.folder.glob("*/status.json"):
        with_pid = json.loads(path.read_text())["shim_pid"]
        if psutil.pid_exists(with_pid):
            os.kill(with_pid, signal.SIGKILL)


async def running(service: Service, job_id: UUID, attempt: int = 1) -> None:
    async def check() -> bool:
        return f"running a{attempt}" in await service.kinds(job_id)

    await until(check, f"attempt {attempt} runs")


async def terminated(service: Service, job_id: UUID, attempt: int = 1) -> None:
    async def check() -> bool:
        return f"terminated a{attempt}" in await service.kinds(job_id)

    await until(check, f"attempt {attempt} is terminated")


async def test_a_job_is_started_killed_replaced_and_cancelled(service: Service) -> None:
    job_id = await service.started()
    await running(service, job_id)
    os.kill(service.trainer(job_id), signal.SIGKILL)
    await running(service, job_id, 2)
    await terminated(service, job_id, 1)
    assert len(service.trainers(job_id)) == 1
    await service.publish(events.JobCancelRequested(job_id=job_id, workspace_id=WORKSPACE, requested_by="someone"))
    await terminated(service, job_id, 2)
    assert service.trainers(job_id) == []
    lives = [f"{kind} a{attempt}" for attempt in (1, 2) for kind in ("requested", "running", "terminated")]
    assert sorted(await service.kinds(job_id)) == sorted([*lives, "interrupted a1"])


@pytest.mark.slow
async def test_a_killed_provisioner_finds_its_pods_again(service: Service) -> None:
    job_id = await service.started()
    await running(service, job_id)
    pid = service.trainer(job_id)
    service.kill()
    assert service.trainers(job_id) == [pid]
    service.start()
    await asyncio.sleep(3)
    assert service.trainers(job_id) == [pid]
    await service.publish(completed(job_id))
    await terminated(service, job_id)
    assert await service.kinds(job_id) == ["requested a1", "running a1", "terminated a1"]


def kill_when_written(service: Service, file: Path) -> None:
    """Within a millisecond, so that the provisioner has not yet saved what it just made."""
    deadline = time.monotonic() + 40
    while not file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.0005)
    service.kill()


@pytest.mark.slow
async def test_a_provisioner_killed_between_create_and_save_makes_no_second_pod(service: Service) -> None:
    job_id = await service.started()
    status = service.folder / pod_name(job_id, 1) / "status.json"
    kill_when_written(service, status)
    [pid] = service.trainers(job_id)
    service.start()
    await running(service, job_id)
    await asyncio.sleep(1)
    assert service.trainers(job_id) == [pid]
    assert (await service.kinds(job_id)).count("running a1") == 1


@pytest.mark.slow
async def test_a_trainer_that_died_while_the_provisioner_was_dead_is_replaced(service: Service) -> None:
    job_id = await service.started()
    await running(service, job_id)
    service.kill()
    os.kill(service.trainer(job_id), signal.SIGKILL)
    service.start()
    await running(service, job_id, 2)
    assert len(service.trainers(job_id)) == 1
