"""The running service on a broker in operator mode: a real pod speaks with what it is given, until its end."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from nats.aio.client import RawCredentials
from nats.errors import Error as NatsError

from chassis.messaging import topology
from chassis.runtime import ServiceRuntime
from contracts import events
from contracts.envelope import EventData, new_event
from contracts.streams import CONSUMERS, STREAMS
from services.provisioner.adapters.local import LocalProvider, LocalSettings
from services.provisioner.app import build_runtime
from services.provisioner.domain.names import pod_name
from services.provisioner.settings import Settings
from tests.fixtures.databases import DatabaseFactory
from tests.fixtures.waiting import tries
from tests.services.provisioner.world import WORKSPACE, start_request
from tests.stack.secured import Secured

# What a trainer does first: connect with what it was given, publish until it is confirmed, ask until it is answered.
TRAINER = """
import asyncio, json, os, sys
import nats
from nats.aio.client import RawCredentials

async def main():
    credentials, spec = os.environ["BRIGHTRUN_NATS_CREDENTIALS"], json.loads(os.environ["BRIGHTRUN_POD_SPEC"])
    open(os.path.join(os.environ["BRIGHTRUN_WORK_DIR"], "credentials"), "w").write(credentials)
    job = spec["job_id"]
    client = await nats.connect(spec["nats_url"], user_credentials=RawCredentials(credentials),
                                inbox_prefix=f"_INBOX_{job}")
    confirmed = await client.jetstream(timeout=30).publish(f"training.progressed.{job}", b"{}")
    beat = json.dumps({"attempt": 1, "stage": "training", "step": 3, "sent_at": "2026-01-01T00:00:00Z"}).encode()
    answer = await client.request(f"podrpc.heartbeat.{job}", beat, timeout=30)
    print(confirmed.stream, json.loads(answer.data)["directive"], flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


class Service:
    def __init__(self, server: Secured, runtime: ServiceRuntime, provider: LocalProvider, root: Path) -> None:
        self.server, self.runtime, self.provider, self.root = server, runtime, provider, root

    async def publish(self, data: EventData) -> None:
        event, job_api = new_event(data, source="/test"), await self.server.service("job_api")
        await job_api.jetstream(timeout=30).publish(event.subject, event.to_bytes())

    async def log(self, name: str) -> bytes:
        return (await self.provider.read_log(name, 0, 10_000))[0]


@pytest_asyncio.fixture
async def service(
    tmp_path: Path, start_part: Any, fresh_database: DatabaseFactory, settings_for: Callable[..., dict[str, Any]]
) -> AsyncIterator[Service]:
    server = Secured(tmp_path, start_part)
    await topology.apply(await server.streams(), STREAMS, CONSUMERS)
    environment = {key.removeprefix("BRIGHTRUN_").lower(): value
                   for key, value in server.security.provisioner_environment().items()}
    settings = Settings(**settings_for(
        "provisioner", database_url=(await fresh_database("services.provisioner")).url, nats_url=server.server.url,
        nats_creds_file=str(server.security.creds_file("provisioner")), **environment))
    pods = tmp_path / "pods"
    provider = LocalProvider(LocalSettings(pods, (sys.executable, "-c", TRAINER), Path.cwd(), os.getpid()))
    runtime = build_runtime(settings, provider)
    async with runtime.lifespan():
        yield Service(server, runtime, provider, pods)
        for machine in await provider.list():
            await provider.terminate(machine.name)
    for client in server.clients:
        await client.close()


async def until(check: Callable[[], Awaitable[bool]], what: str) -> None:
    async for _ in tries():
        if await check():
            return
    raise AssertionError(what)


@pytest.mark.slow
async def test_a_pod_speaks_with_what_it_is_given_until_its_attempt_ends(service: Service) -> None:
    start = start_request()
    name = pod_name(start.job_id, 1)
    await service.publish(start)

    async def spoke() -> bool:
        return b"TRAINING continue" in await service.log(name)

    await until(spoke, "the pod was confirmed and answered")
    credentials = RawCredentials((service.root / name / "work" / "credentials").read_text())
    pod = await service.server.connect(credentials, f"_INBOX_{start.job_id}")
    await service.publish(events.JobCancelRequested(
        job_id=start.job_id, workspace_id=WORKSPACE, requested_by="someone"))

    async def thrown_out() -> bool:
        return not pod.is_connected

    await until(thrown_out, "the pod's user is revoked")
    with pytest.raises(NatsError, match=r"(?i)authorization"):
        await service.server.connect(credentials, f"_INBOX_{start.job_id}")
    assert await service.server.denied(await service.server.service("provisioner")) == ""
    assert service.runtime.bus.health_issues() == []
