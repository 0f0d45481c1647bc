"""Provider `runpod`: the behaviour suite on the fake RunPod, on one whose list lags, and on the real one."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from contracts.gpus import GpuType, PricingTier
from services.provisioner.adapters.runpod.configuration import Configuration
from services.provisioner.adapters.runpod.provider import RunPodProvider
from services.provisioner.ports import ComputeProvider
from services.provisioner.settings import Settings
from tests.fake_runpod.openapi import load_document, violations
from tests.fake_runpod.server import FakeRunPod
from tests.services.provisioner.provider_suite import ProviderSuite, gone, new_name
from tests.services.provisioner.runpod_provider import configuration_for

REAL = os.environ.get("TEST_REAL_RUNPOD") == "1" and bool(os.environ.get("RUNPOD_API_KEY"))


class RunPodSuite(ProviderSuite):
    gpu_type, tier = GpuType.H100_PCIE_80GB, PricingTier.ON_DEMAND


class TestOnDemand(RunPodSuite):
    @pytest.fixture
    def provider(self, runpod: FakeRunPod) -> ComputeProvider:
        return RunPodProvider(configuration_for(runpod))

    async def test_what_is_asked_and_answered_is_as_documented(
        self, runpod: FakeRunPod, provider: ComputeProvider
    ) -> None:
        document, name = load_document(), new_name()
        await provider.create(self.request(name))
        await provider.read_log(name, 0, 10)
        await gone(provider, name)
        assert [one for exchange in runpod.exchanges for one in violations(document, exchange)] == []


class TestSpot(RunPodSuite):
    tier = PricingTier.SPOT

    @pytest.fixture
    def provider(self, runpod: FakeRunPod) -> ComputeProvider:
        return RunPodProvider(configuration_for(runpod))


class TestLagging(RunPodSuite):
    list_lag_s = 5.0

    @pytest.fixture
    def provider(self, runpod: FakeRunPod) -> ComputeProvider:
        runpod.account.options.list_lag_s = 0.5
        return RunPodProvider(configuration_for(runpod))


@pytest.mark.skipif(not REAL, reason="TEST_REAL_RUNPOD=1 and RUNPOD_API_KEY are not set: it rents real machines")
class TestReal(RunPodSuite):
    """Rents machines at RunPod, one or two for a minute or two in each test; removes what it made."""

    up_within_s, list_lag_s = 900.0, 120.0

    @pytest_asyncio.fixture
    async def provider(self) -> AsyncIterator[ComputeProvider]:
        image = os.environ.get("TEST_RUNPOD_IMAGE", "runpod/pytorch:1.0.2-cu1281-torch280-ubuntu2404")
        settings = Settings(provider="runpod", runpod_image=image, runpod_installation="brightrun-test",
                            runpod_disk_gb=20, runpod_min_cuda="")
        provider = RunPodProvider(replace(Configuration.of(settings), look_every_s=2.0))
        yield provider
        for machine in await provider.list():
            await gone(provider, machine.name, 120)
