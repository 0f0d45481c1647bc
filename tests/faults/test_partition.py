"""F16: a pod loses the broker for a while. Provisioner, metrics_ingest, broker, databases and storage are real, the pod
is a trainer without a model on a machine of the fake RunPod. Ten minutes are a few seconds here, and so is patience.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import obstore
import pytest
import pytest_asyncio

from benchmarks.fleet.pace import Pace
from benchmarks.fleet.pool import Pool
from benchmarks.fleet.trainer import attempt_of, final_state
from chassis.messaging.bus import Bus
from chassis.settings import ServiceSettings
from contracts import events
from contracts.envelope import new_event
from contracts.gpus import GpuType, PricingTier
from contracts.identifiers import uuid7
from contracts.rpc.metrics import RANGE, RangeQuery, Series
from services.metrics_ingest import app as metrics_ingest
from services.metrics_ingest.settings import Settings as MetricsSettings
from services.provisioner import app as provisioner
from services.provisioner.settings import Settings
from stack.parts import NatsPart, S3Part
from tests.fake_runpod.options import Options
from tests.fake_runpod.server import FakeRunPod, Listener
from tests.faults.link import Link
from tests.fixtures.databases import DatabaseFactory
from tests.fixtures.services import SettingsFactory
from tests.services.job_api.waiting import eventually
from tests.services.provisioner.world import WORKSPACE, start_request
from tests.trainer_image.runs import stored

pytestmark = pytest.mark.slow
# About ten seconds of training.
PACE = Pace(scale=60.0, steps=100, step_s=6.0, provisioning_s=6.0, starting_s=6.0, load_s=6.0, finish_s=6.0)


@dataclass
class Site:
    link: Link
    runpod: FakeRunPod
    pool: Pool
    jetstream: Any
    bus: Bus
    training_file: events.TrainingFileReference
    start_provisioner: Callable[..., Any]

    async def start_job(self) -> UUID:
        start = start_request(uuid7(), gpu_type=GpuType.H100_PCIE_80GB, pricing_tier=PricingTier.ON_DEMAND,
                              training_file=self.training_file)
        event = new_event(start, source="/test")
        await self.jetstream.publish(event.subject, event.to_bytes(), headers={"Nats-Msg-Id": str(event.id)})
        return start.job_id

    async def heard(self, stream: str, job_id: UUID) -> list[Any]:
        return [event.data for event in await stored(self.jetstream, stream, job_id)]

    async def until(self, stream: str, job_id: UUID, kind: str, attempt: int, timeout_s: float = 60) -> None:
        async def said() -> bool:
            return (kind, attempt) in [(data.event, data.attempt) for data in await self.heard(stream, job_id)]

        await eventually(said, timeout_s)

    async def losses(self, job_id: UUID) -> Series:
        """Once every step has its place."""

        async def complete() -> Series | None:
            query = RangeQuery(job_id=job_id, workspace_id=WORKSPACE, metrics=("loss",))
            found = (await self.bus.request(RANGE, query)).series[0]
            return found if found.steps == tuple(range(1, PACE.steps + 1)) else None

        return await eventually(complete, 20)


@pytest_asyncio.fixture
async def site(
    topology: NatsPart, jetstream: Any, s3: S3Part, fresh_database: DatabaseFactory, settings_for: SettingsFactory,
    tmp_path: Path,
) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        link = await stack.enter_async_context(Link(topology.port))
        pool = await stack.enter_async_context(Pool(PACE, 1, tmp_path / "trainers.log"))
        listener = await stack.enter_async_context(Listener().running())
        runpod = FakeRunPod(Options(tmp_path / "machines", container=pool.container, stop_grace_s=0.5))
        await stack.enter_async_context(runpod.behind(listener))
        database = await fresh_database("services.provisioner")

        async def start_provisioner(**patience: float) -> None:
            settings = Settings(**settings_for(
                "provisioner", database_url=database.url, provider="runpod", runpod_url=runpod.url, runpod_image="i",
                runpod_api_key=runpod.account.options.api_key, pod_nats_url=f"nats://127.0.0.1:{link.port}",
                heartbeat_interval_s=0.3, first_heartbeat_timeout_s=30, checkpoint_every_s=1.5, list_lag_s=1,
                gone_after_s=0.2, terminate_poll_s=0.3, runpod_look_every_s=0.5, **patience))
            runtime = provisioner.build_runtime(settings, provisioner.provider_of(settings))
            await stack.enter_async_context(runtime.lifespan())

        curves = await fresh_database("services.metrics_ingest")
        ingest = metrics_ingest.build_runtime(MetricsSettings(**settings_for("metrics_ingest",
                                                                             database_url=curves.url)))
        await stack.enter_async_context(ingest.lifespan())
        bus = Bus(ServiceSettings(service_name="job_api", nats_url=topology.url))
        await bus.start()
        stack.push_async_callback(bus.stop)
        yield Site(link, runpod, pool, jetstream, bus, stored_file(s3), start_provisioner)


def stored_file(s3: S3Part) -> events.TrainingFileReference:
    content = b"{}\n{}\n"
    store = obstore.store.S3Store(
        "training-files", endpoint=s3.endpoint, access_key_id=s3.access_key, secret_access_key=s3.secret_key,
        region=s3.region, client_options={"allow_http": True}, virtual_hosted_style_request=False)
    obstore.put(store, "partition/file.jsonl", content)
    return events.TrainingFileReference(
        training_file_id=uuid7(), bucket="training-files", key="partition/file.jsonl",
        sha256=sha256(content).hexdigest(), conversations=2, trainable_turns=2, tokens=10)


async def test_a_partition_within_the_patience_costs_nothing(site: Site) -> None:
    await site.start_provisioner(heartbeat_timeout_s=12)
    job = await site.start_job()
    await site.until("TRAINING", job, "progressed", 1)
    loop = asyncio.get_running_loop()
    site.link.cut()
    cut_at = loop.time()
    before = [step for data in await site.heard("METRICS", job) for step in data.steps]
    await asyncio.sleep(5)
    assert [step for data in await site.heard("METRICS", job) for step in data.steps] == before
    site.link.mend()
    away_s = loop.time() - cut_at
    await site.until("TRAINING", job, "completed", 1)
    series = await site.losses(job)
    assert set(series.attempts) == {1}
    told = await site.heard("METRICS", job)
    assert [step for data in told for step in data.steps] == list(range(1, PACE.steps + 1)), "in order, each once"
    assert [data.sequence for data in told] == sorted(data.sequence for data in told)
    pauses = [after - earlier for earlier, after in zip(series.times, series.times[1:], strict=False)]
    assert max(pauses) < away_s, "it trained on while nobody heard it"
    assert "interrupted" not in [data.event for data in await site.heard("PODS", job)]
    assert [deeds["state"] for deeds in site.pool.deeds] in ([], [final_state(PACE.steps)])


async def test_a_partition_beyond_the_patience_replaces_the_pod_and_its_late_words_change_nothing(site: Site) -> None:
    await site.start_provisioner(heartbeat_timeout_s=2.5)
    job = await site.start_job()
    await site.until("TRAINING", job, "progressed", 1)
    await site.until("TRAINING", job, "saved", 1)
    site.runpod.faults.delete = [500] * 12  # the machine cannot be ended for a while: its trainer goes on
    site.link.cut()
    await asyncio.sleep(1.5)
    assert "interrupted" not in [data.event for data in await site.heard("PODS", job)], "not too early"
    await site.until("PODS", job, "interrupted", 1, 20)
    site.link.mend()
    await site.until("TRAINING", job, "completed", 2)
    series = await site.losses(job)
    resumed = [data for data in await site.heard("TRAINING", job) if data.event == "resumed"]
    assert [data.attempt for data in resumed] == [2]
    first = resumed[0].resumed_from_step
    assert series.attempts == (1,) * first + (2,) * (PACE.steps - first)
    assert [attempt_of(value or 0.0, step) for step, value in zip(series.steps, series.values, strict=True)] == \
        list(series.attempts)
    kinds = [(data.event, data.attempt) for data in await site.heard("TRAINING", job)]
    assert ("completed", 1) not in kinds, "whoever does not count any more ends without a word"
    await site.until("PODS", job, "terminated", 1, 30)
    await site.until("PODS", job, "terminated", 2, 30)
    assert not any(pod.exists for pod in site.runpod.account.pods.values())
