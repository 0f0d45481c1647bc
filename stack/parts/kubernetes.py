"""A Kubernetes without nodes: its API over HTTP, and trainer processes of this machine as the containers of its pods.

It lives with the tests (`tests/fake_kubernetes`) and is started as a program of its own: nothing here imports it.
"""

from __future__ import annotations

import json
import secrets
import sys
from pathlib import Path
from typing import Any

from stack.parts.process import LOOPBACK, Command, Part, PartError
from stack.private_files import write_private
from stack.provider import FAKE_KUBERNETES_PROGRAM

_MODULE = Path(__file__).parents[2] / "tests" / "fake_kubernetes" / "__main__.py"
_TIER, _GPU = "karpenter.sh/capacity-type", "nvidia.com/gpu"
# As one would describe the fake cluster's nodes; prices in USD per hour.
_GPUS: dict[str, Any] = {"h100_pcie_80gb": {
    "model": "NVIDIA H100 PCIe",
    "node_selector": {f"{_GPU}.product": "NVIDIA-H100-PCIe"}, "tolerations": [{"key": _GPU}],
    "on_demand": {"node_selector": {_TIER: "on-demand"}, "usd_per_hour": 2.5},
    "spot": {"node_selector": {_TIER: "spot"}, "tolerations": [{"key": _TIER}], "usd_per_hour": 1.25}}}


class FakeKubernetesPart(Part):
    """`pods_dir` holds its pods' folders. They end with it."""

    name = FAKE_KUBERNETES_PROGRAM

    def __init__(
        self, data_dir: Path, port: int = 0, host: str = LOOPBACK, *, pods_dir: Path,
        environment: dict[str, str] | None = None,
    ) -> None:
        super().__init__(data_dir, port, host)
        self.pods_dir, self.environment = pods_dir, environment or {}

    @property
    def token_file(self) -> Path:
        return self.data_dir / "token"

    def prepare(self) -> None:
        super().prepare()
        if not _MODULE.exists():
            raise PartError("The fake Kubernetes belongs to the tests of the repository, which are not here.")
        if not self.token_file.exists():
            write_private(self.token_file, secrets.token_hex(24))

    def command(self) -> Command:
        return Command([
            sys.executable, "-m", "tests.fake_kubernetes", "--port", str(self.port), "--folder", str(self.pods_dir),
            "--token-file", str(self.token_file), "--", sys.executable, "-m", "trainer_image"], self.environment)

    def service_environment(self) -> dict[str, str]:
        """What makes the services take their machines there."""
        return {
            "BRIGHTRUN_PROVIDER": "kubernetes",
            "BRIGHTRUN_KUBERNETES_SERVER": f"http://{self.host}:{self.port}",
            "BRIGHTRUN_KUBERNETES_TOKEN_FILE": str(self.token_file),
            "BRIGHTRUN_KUBERNETES_IMAGE": "the-trainer-of-this-checkout",
            "BRIGHTRUN_KUBERNETES_GPUS": json.dumps(_GPUS),
        }
