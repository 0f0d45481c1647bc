"""How this cluster is to be."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.fake_runpod.process import Container, Process

SLEEPER = (sys.executable, "-S", "-c", "import time; print('ready', flush=True); time.sleep(600)")
GPU = "nvidia.com/gpu"
PRODUCT, CAPACITY_TYPE = "nvidia.com/gpu.product", "karpenter.sh/capacity-type"


@dataclass
class Node:
    """`gpus`: how many are left of those that it has. `taints`: keys whose effect is NoSchedule."""

    name: str
    labels: dict[str, str]
    gpus: int = 8
    taints: tuple[str, ...] = (GPU,)


def default_nodes() -> list[Node]:
    h100 = {PRODUCT: "NVIDIA-H100-PCIe"}
    return [Node("gpu-1", {**h100, CAPACITY_TYPE: "on-demand"}), Node("gpu-2", {**h100, CAPACITY_TYPE: "on-demand"}),
            Node("spot-1", {**h100, CAPACITY_TYPE: "spot"}, taints=(GPU, CAPACITY_TYPE)),
            Node("cpu-1", {}, gpus=0, taints=())]


@dataclass
class Options:
    """`command` is what runs in every container, whatever its image. Times in seconds."""

    folder: Path
    token: str = "a-token-of-the-fake-cluster"
    # Where the token stands already; without one it is written into the folder.
    token_file: Path | None = None
    command: tuple[str, ...] = SLEEPER
    working_directory: Path = field(default_factory=Path.cwd)
    namespace: str = "brightrun-training"
    nodes: list[Node] = field(default_factory=default_nodes)
    container: Callable[[Path], Container] | None = None
    controller_s: float = 0.0
    pulling_s: float = 0.0
    latency_s: float = 0.0
    # Objects in one page at most, whatever limit is asked for.
    page: int = 10_000
    keeps_exchanges: bool = True

    def new_container(self, folder: Path) -> Container:
        if self.container is not None:
            return self.container(folder)
        return Process(folder, self.command, self.working_directory)
