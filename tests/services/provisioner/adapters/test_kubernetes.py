"""Provider `kubernetes`: the behaviour suite on a fake cluster."""

from __future__ import annotations

import pytest

from contracts.gpus import GpuType, PricingTier
from services.provisioner.adapters.kubernetes.provider import KubernetesProvider
from services.provisioner.ports import ComputeProvider
from tests.fake_kubernetes.server import FakeKubernetes
from tests.services.provisioner.kubernetes_provider import configuration_for
from tests.services.provisioner.provider_suite import ProviderSuite


class KubernetesSuite(ProviderSuite):
    gpu_type, tier = GpuType.H100_PCIE_80GB, PricingTier.ON_DEMAND


class TestOnDemand(KubernetesSuite):
    @pytest.fixture
    def provider(self, kubernetes: FakeKubernetes) -> ComputeProvider:
        return KubernetesProvider(configuration_for(kubernetes))


@pytest.mark.slow
class TestSpot(KubernetesSuite):
    tier = PricingTier.SPOT

    @pytest.fixture
    def provider(self, kubernetes: FakeKubernetes) -> ComputeProvider:
        return KubernetesProvider(configuration_for(kubernetes))


@pytest.mark.slow
class TestSlow(KubernetesSuite):
    """A cluster whose controllers and images take their time."""

    @pytest.fixture
    def provider(self, kubernetes: FakeKubernetes) -> ComputeProvider:
        kubernetes.options.controller_s, kubernetes.options.pulling_s = 0.1, 0.1
        return KubernetesProvider(configuration_for(kubernetes))


@pytest.mark.slow
class TestPages(KubernetesSuite):
    """An API server that answers one object at a time."""

    @pytest.fixture
    def provider(self, kubernetes: FakeKubernetes) -> ComputeProvider:
        kubernetes.options.page = 1
        return KubernetesProvider(configuration_for(kubernetes))
