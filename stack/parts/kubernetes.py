"""A Kubernetes without nodes."""

from __future__ import annotations

import json
from typing import Any

from stack.parts.fake_provider import FakeProviderPart
from stack.provider import FAKE_KUBERNETES_PROGRAM

_TIER, _GPU = "karpenter.sh/capacity-type", "nvidia.com/gpu"
# As one would describe the fake cluster's nodes; prices in USD per hour.
_GPUS: dict[str, Any] = {"h100_pcie_80gb": {
    "model": "NVIDIA H100 PCIe",
    "node_selector": {f"{_GPU}.product": "NVIDIA-H100-PCIe"}, "tolerations": [{"key": _GPU}],
    "on_demand": {"node_selector": {_TIER: "on-demand"}, "usd_per_hour": 2.5},
    "spot": {"node_selector": {_TIER: "spot"}, "tolerations": [{"key": _TIER}], "usd_per_hour": 1.25}}}


class FakeKubernetesPart(FakeProviderPart):
    name = FAKE_KUBERNETES_PROGRAM
    title, secret = "Kubernetes", "token"

    def service_environment(self) -> dict[str, str]:
        return {
            "BRIGHTRUN_PROVIDER": "kubernetes",
            "BRIGHTRUN_KUBERNETES_SERVER": self.url,
            "BRIGHTRUN_KUBERNETES_TOKEN_FILE": str(self.secret_file),
            "BRIGHTRUN_KUBERNETES_IMAGE": "the-trainer-of-this-checkout",
            "BRIGHTRUN_KUBERNETES_GPUS": json.dumps(_GPUS),
        }
