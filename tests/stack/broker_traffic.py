"""What runs while the broker's keys are replaced: a service publishes as the relay does, one asks another without a
pause, and a trainer's reporter sends events and asks the provisioner. Every question that fails is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

from nats.errors import Error as NatsError

from chassis.cancellation import cancel_and_wait
from chassis.messaging.bus import Bus
from chassis.messaging.connection import NotConnected
from chassis.messaging.requests import PodJob, RequestRouter
from chassis.problems import ServiceUnavailable
from contracts.pod_environment import PodSpec
from contracts.presets import PRESETS
from contracts.rpc.costs import RATES, Rates, RatesQuery
from contracts.rpc.pods import HEARTBEAT, Heartbeat, HeartbeatReply
from tests.fixtures.waiting import tries
from tests.stack.secured import Secured
from trainer_image.reporter import Reporter


@dataclass(frozen=True)
class _Settings:
    service_name: str
    nats_url: str
    nats_creds_file: str
    # What a service answers late for is a busy machine's business here.
    request_timeout_s: float = 20.0


@dataclass
class Traffic:
    secured: Secured
    job: UUID
    reporter: Reporter
    published: list[int] = field(default_factory=list)
    answers: int = 0
    heartbeats: int = 0
    failed: list[str] = field(default_factory=list)

    async def flows(self) -> None:
        """Everything moves on from here. Raises AssertionError where something stands still."""
        before = (len(self.published), self.answers, self.heartbeats)
        self.reporter.warn("tests", "still here")
        async for _ in tries():
            now = (len(self.published), self.answers, self.heartbeats)
            if all(after > count for after, count in zip(now, before, strict=True)):
                break
        else:
            raise AssertionError(f"stands still: {before} -> {now}, {self.failed}")
        assert await asyncio.to_thread(self.reporter.drain, 60.0)

    @property
    def pod_reconnects(self) -> int:
        """Of the trainer's client."""
        client = self.reporter._broker._client
        assert client is not None
        return client.stats["reconnects"]

    async def stored(self, stream: str, subject: str) -> int:
        found = await (await self.secured.streams()).stream_info(stream, subjects_filter=subject)
        return sum((found.state.subjects or {}).values())

    def answer_rates(self) -> RequestRouter:
        router = RequestRouter()

        @router.rpc(RATES)
        async def answer(_: RatesQuery) -> Rates:
            return Rates(rates=())

        return router

    def answer_pods(self) -> RequestRouter:
        router = RequestRouter()

        @router.pod_rpc(HEARTBEAT)
        async def answer(_: Heartbeat, job_id: PodJob) -> HeartbeatReply:
            assert job_id == str(self.job)
            self.heartbeats += 1
            return HeartbeatReply(directive="continue")

        return router

    async def publish(self, bus: Bus) -> None:
        """Again until the stream confirms; the id makes the second one a duplicate."""
        while True:
            number = len(self.published)
            headers = {"Nats-Msg-Id": f"{self.job}-{number}"}
            try:
                await bus.jetstream.publish(f"job.created.{self.job}", b"{}", headers=headers, timeout=1)
            except (NotConnected, NatsError, TimeoutError):
                await asyncio.sleep(0.05)
                continue
            self.published.append(number)
            await asyncio.sleep(0.005)

    async def ask(self, bus: Bus) -> None:
        while True:
            try:
                await bus.request(RATES, RatesQuery(workspace_id=uuid4()))
                self.answers += 1
            except ServiceUnavailable as error:
                self.failed.append(f"{datetime.now(UTC):%T} {error}")
            await asyncio.sleep(0.005)


@asynccontextmanager
async def traffic(secured: Secured, folder: Path) -> AsyncIterator[Traffic]:
    job = uuid4()
    made = Traffic(secured, job, await _reporter(secured, job, folder))
    asker, costs, pods = [await _bus(secured, name, router) for name, router in (
        ("job_api", None), ("cost_guard", made.answer_rates()), ("provisioner", made.answer_pods()))]
    made.reporter.start()
    running = [asyncio.create_task(made.publish(asker)), *(asyncio.create_task(made.ask(asker)) for _ in range(3))]
    try:
        await made.flows()
        yield made
    finally:
        for task in running:
            await cancel_and_wait(task)
        await _end(made.reporter)
        for bus in (asker, costs, pods):
            await bus.stop()


async def _bus(secured: Secured, name: str, router: RequestRouter | None) -> Bus:
    bus = Bus(_Settings(name, secured.server.url, str(secured.security.creds_file(name))))
    if router is not None:
        bus.include(router)
    await bus.start()
    await bus.connection.wait_connected()
    return bus


async def _reporter(secured: Secured, job: UUID, folder: Path) -> Reporter:
    spec = PodSpec(
        job_id=job, workspace_id=secured.workspace.workspace_id, attempt=1, pod_name=f"job-{job}-a1",
        nats_url=secured.server.url, base_model="none", hyperparameters=PRESETS["balanced"].hyperparameters,
        training_file_sha256="", max_duration_s=60, heartbeat_interval_s=0.1)
    user = await secured.pod_user(job)
    return Reporter(spec, user.text, folder / str(job), on_stop=print)


async def _end(reporter: Reporter) -> None:
    """The product's process just exits; here other tests follow."""
    async def close() -> None:
        if client := reporter._broker._client:
            await client.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    await asyncio.wait_for(asyncio.wrap_future(asyncio.run_coroutine_threadsafe(close(), reporter._loop)), 10)
    reporter._loop.call_soon_threadsafe(reporter._loop.stop)
