"""The provider's configuration for a fake cluster: the same rules with the patience of a test."""

from __future__ import annotations

from typing import Any

from contracts.gpus import GpuType
from services.provisioner.adapters.kubernetes.configuration import Configuration
from services.provisioner.kubernetes_settings import GpuNodes
from tests.fake_kubernetes.options import CAPACITY_TYPE, GPU, PRODUCT
from tests.fake_kubernetes.server import FakeKubernetes

H100 = GpuNodes.model_validate({
    "model": "NVIDIA H100 PCIe", "node_selector": {PRODUCT: "NVIDIA-H100-PCIe"}, "tolerations": [{"key": GPU}],
    "on_demand": {"node_selector": {CAPACITY_TYPE: "on-demand"}, "usd_per_hour": 2.5},
    "spot": {"node_selector": {CAPACITY_TYPE: "spot"}, "tolerations": [{"key": CAPACITY_TYPE}], "usd_per_hour": 1.0}})
_QUICK: dict[str, Any] = {
    "timeout_s": 1.0, "patience_s": 1.5, "list_max_age_s": 0.02, "look_every_s": 0.02, "placement_look_s": 2.0,
    "placement_pause_s": 0.02, "stop_grace_s": 1}


def configuration_for(cluster: FakeKubernetes, **changes: Any) -> Configuration:
    return Configuration(**{
        "url": cluster.url, "image": "registry.example/brightrun-trainer:1", "gpus": {GpuType.H100_PCIE_80GB: H100},
        "token_file": cluster.token_file, "namespace": cluster.options.namespace, **_QUICK, **changes})
