"""Replicas of job_api are replaced one after the other while callers read and create: nobody sees an error."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from chassis.database.engine import Database
from chassis.messaging.bus import Bus
from chassis.settings import ServiceSettings
from services.job_api.bootstrap import bootstrap
from stack.parts import NatsPart, free_port
from tests.services.job_api.conftest import Api
from tests.services.job_api.cost_guard import CostGuard
from tests.system.endpoints_balancer import LEARNS_AFTER_S, PROBE_EVERY_S, EndpointsBalancer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

# Until the balancer has noticed and told everybody, and each caller has asked once more.
DRAIN_S = PROBE_EVERY_S + LEARNS_AFTER_S + 2
CALLERS, ROUNDS = 6, 3
StartPod = Callable[[int], Awaitable[asyncio.subprocess.Process]]


@pytest_asyncio.fixture
async def start_pod(
    environment_for: Callable[..., dict[str, str]], database: Database
) -> AsyncIterator[StartPod]:
    """A process of job_api on this port."""
    started: list[asyncio.subprocess.Process] = []

    async def start(port: int) -> asyncio.subprocess.Process:
        environment = environment_for("job_api", database_url=database.url, http_port=port, drain_s=DRAIN_S)
        started.append(await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.job_api", env={**os.environ, **environment, "PYTHONPATH": os.getcwd()},
            stdout=asyncio.subprocess.DEVNULL))
        return started[-1]

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest_asyncio.fixture
async def database(fresh_database: Callable[[str], Awaitable[Database]]) -> Database:
    return await fresh_database("services.job_api")


@asynccontextmanager
async def cost_guard(url: str) -> AsyncIterator[CostGuard]:
    guard, bus = CostGuard(), Bus(ServiceSettings(service_name="cost_guard", nats_url=url))
    bus.include(guard.requests())
    await bus.start()
    yield guard
    await bus.stop()


class Load:
    """Callers that keep their connections and try nothing twice."""

    def __init__(self, api: Api, job: dict[str, Any]) -> None:
        self.api, self.job = api, job
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []
        self.keys: list[str] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        enough = asyncio.Event()
        callers = [asyncio.create_task(self._call(enough)) for _ in range(CALLERS)]
        yield
        enough.set()
        await asyncio.gather(*callers)

    async def _call(self, enough: asyncio.Event) -> None:
        async with self.api.as_key(self.api.credentials["api_key"]) as client:
            while not enough.is_set():
                await self._ask(client, "GET", f"/jobs/{self.job['id']}")
                await self._ask(client, "GET", "/jobs", params={"limit": 5})
                await self._create(client)

    async def _create(self, client: httpx.AsyncClient) -> None:
        self.keys.append(str(uuid4()))
        await self._ask(client, "POST", "/jobs", json={"training_file_id": self.job["training_file_id"]},
                        headers={"idempotency-key": self.keys[-1]})

    async def _ask(self, client: httpx.AsyncClient, method: str, path: str, **more: Any) -> None:
        try:
            answer = await client.request(method, path, **more)
        except httpx.TransportError as error:
            self.failures.append(f"{method} {path}: {error!r}")
            return
        self.answers[answer.headers.get("connection", "kept")] += 1
        if not answer.is_success:
            self.failures.append(f"{method} {path}: {answer.status_code} {answer.text}")


async def test_no_request_is_lost(
    start_pod: StartPod, database: Database, topology: NatsPart, jetstream: Any, tmp_path: Path
) -> None:
    balancer = EndpointsBalancer((free_port(), free_port()))
    credentials = await bootstrap(database, tmp_path / "credentials.json", balancer.url)
    processes = {port: await start_pod(port) for port in balancer.pods}
    async with cost_guard(topology.url) as guard, balancer.running():
        api = Api(None, database, jetstream, guard, balancer.url, credentials, topology.url)
        await balancer.all_listed()
        load = Load(api, await api.new_job())
        async with load.running():
            for port in balancer.pods * ROUNDS:
                processes[port].send_signal(signal.SIGTERM)
                await processes[port].wait()
                processes[port] = await start_pod(port)
                await until_listed_again(balancer, port)
        assert load.failures == []
        assert load.answers["close"] > 0, "no connection was ever handed over"
        made = [job async for job in all_jobs(api) if job != load.job["id"]]
        assert len(made) == len(load.keys)


async def until_listed_again(balancer: EndpointsBalancer, port: int) -> None:
    while port in balancer.listed:
        await asyncio.sleep(0.05)
    await balancer.all_listed()


async def all_jobs(api: Api) -> AsyncIterator[str]:
    after: str | None = None
    while True:
        page = (await api.client.get("/jobs", params={"limit": 100} | ({"after": after} if after else {}))).json()
        for job in page["data"]:
            yield job["id"]
        after = page["next_cursor"]
        if after is None:
            return
