"""How soon the end of a machine at RunPod is seen when nobody tells of it: patience and intervals as they are there,
time by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
import pytest_asyncio
from faststream.nats import TestNatsBroker

from chassis.clock import FakeClock
from chassis.objects.store import ObjectStore
from chassis.settings import ServiceSettings
from contracts import events
from contracts.rpc.pods import HEARTBEAT, Heartbeat
from services.provisioner.application.workers.deadlines import SilentPods
from services.provisioner.application.workers.reaper import Reaper
from services.provisioner.domain.names import pod_name
from services.provisioner.settings import Settings
from tests.fixtures.databases import DatabaseFactory
from tests.fixtures.services import SettingsFactory
from tests.services.provisioner.fake_provider import FakeProvider
from tests.services.provisioner.provider_suite import new_name, request_for
from tests.services.provisioner.world import FakeBroker, World

SETTINGS = Settings(provider="runpod", runpod_image="an/image", runpod_api_key="a-key")
LIMIT_S = 60


@pytest_asyncio.fixture
async def world(fresh_database: DatabaseFactory, settings_for: SettingsFactory) -> AsyncIterator[World]:
    clock, objects = FakeClock(), ObjectStore(ServiceSettings(**settings_for("provisioner")))
    made = World(await fresh_database("services.provisioner"), objects, FakeProvider(now=clock.now), clock,
                 FakeBroker(), SETTINGS.policy())
    async with TestNatsBroker(made.bus):
        yield made


async def beat(world: World, job_id: UUID) -> None:
    await world.ask(HEARTBEAT, Heartbeat(attempt=1, step=9, stage="training", sent_at=datetime.now(UTC)), job_id)


class Seconds:
    """What the service does as time goes by: sweeps each second, works on what is due, reaps at its interval."""

    def __init__(self, world: World) -> None:
        self._world, self._passed = world, 0
        self._silent = SilentPods(world.context, lambda: True)

    async def pass_one(self) -> None:
        self._passed += 1
        self._world.clock.advance(SETTINGS.sweep_interval_s)
        await self._silent.interrupt()
        if self._passed % SETTINGS.reap_interval_s == 0:
            await Reaper(self._world.context).reap()
        await self._world.settle()

    async def until_interrupted(self) -> tuple[int, events.PodInterrupted]:
        for seconds in range(1, 600):
            await self.pass_one()
            told = [event.data for event in await self._world.published()
                    if isinstance(event.data, events.PodInterrupted)]
            if told:
                return seconds, told[0]
        raise AssertionError("nobody noticed")


@pytest.mark.parametrize("after_the_beat_s", [0, 9])
async def test_a_machine_that_runs_and_is_dead_is_seen_within_a_minute(world: World, after_the_beat_s: int) -> None:
    """RunPod goes on to say RUNNING: silence decides."""
    job_id, time = await world.started(), Seconds(world)
    for second in range(30):
        await time.pass_one()
        if second % SETTINGS.heartbeat_interval_s == 0:
            await beat(world, job_id)
    for _ in range(after_the_beat_s):
        await time.pass_one()
    passed, told = await time.until_interrupted()
    assert passed <= LIMIT_S
    assert told.detected_by.value == "heartbeat"
    assert (await world.job(job_id)).counters.interruptions == 1


@pytest.mark.slow
async def test_a_machine_that_vanished_without_a_word_is_seen_within_a_minute(world: World) -> None:
    job_id, time = await world.started(), Seconds(world)
    for _ in range(int(SETTINGS.list_lag_s) + 5):
        await time.pass_one()
        await beat(world, job_id)
    world.provider.vanishes(pod_name(job_id, 1))
    passed, _ = await time.until_interrupted()
    assert passed <= LIMIT_S


@pytest.mark.slow
async def test_a_machine_that_never_spoke_is_given_up_after_its_longer_patience(world: World) -> None:
    """RUNNING, and nothing runs in it: an image that is still pulled looks the same."""
    await world.started()
    passed, told = await Seconds(world).until_interrupted()
    assert SETTINGS.first_heartbeat_timeout_s <= passed <= SETTINGS.first_heartbeat_timeout_s + 2
    assert told.last_step is None


@pytest.mark.slow
async def test_an_orphan_is_gone_within_a_minute(world: World) -> None:
    job_id, time = await world.started(), Seconds(world)
    await world.provider.create(request_for(new_name()))
    for _ in range(2 * int(SETTINGS.reap_interval_s)):
        await time.pass_one()
        await beat(world, job_id)
    assert list(world.provider.machines) == [pod_name(job_id, 1)]
    assert world.context.metrics.leaked._value.get() == 1
