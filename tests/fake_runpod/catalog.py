"""What can be rented, where, and for how much."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SXM, PCIE, NVL, H200 = "NVIDIA H100 80GB HBM3", "NVIDIA H100 PCIe", "NVIDIA H100 NVL", "NVIDIA H200"
DATA_CENTERS = {"US-TX-3": "NORTH_AMERICA", "US-KS-2": "NORTH_AMERICA", "EU-RO-1": "EUROPE"}
CUDA = "13.0"


@dataclass
class Gpu:
    """USD per hour. `free`: machines left in each data center; `spot_usd` None: no spot machine is offered."""

    id: str
    name: str
    memory: int
    secure_usd: float
    spot_usd: float | None
    free: dict[str, int] = field(default_factory=lambda: dict.fromkeys(DATA_CENTERS, 8))
    cuda_versions: tuple[str, ...] = ("12.8", CUDA)

    def place(self, wanted: list[str], minimum_cuda: str | None) -> str | None:
        """A data center with a free machine, None when there is none."""
        if minimum_cuda and not any(_version(have) >= _version(minimum_cuda) for have in self.cuda_versions):
            return None
        return next((place for place in wanted or list(self.free) if self.free.get(place, 0) > 0), None)


def default_gpus() -> dict[str, Gpu]:
    gpus = (Gpu(SXM, "H100 SXM", 80, 3.49, 1.75), Gpu(PCIE, "H100 PCIe", 80, 2.99, 1.5),
            Gpu(NVL, "H100 NVL", 94, 3.19, 1.6), Gpu(H200, "H200 SXM", 141, 4.59, 2.3))
    return {gpu.id: gpu for gpu in gpus}


def describe_gpu(gpu: Gpu, minimum_cuda: str | None, *, sold_out: bool, with_availability: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": gpu.id, "name": gpu.name, "pool": None, "manufacturer": "NVIDIA", "memory": gpu.memory,
        "secure": True, "community": False, "price": {"secure": gpu.secure_usd, "community": 0.0},
        "maxCount": {"secure": 8, "community": 0}}
    if with_availability:
        fits = not sold_out and gpu.place([], minimum_cuda) is not None
        centers = [{"id": place, "name": place, "availability": _level(count)} for place, count in gpu.free.items()]
        shown["availability"] = _level(sum(gpu.free.values())) if fits else "NONE"
        shown["cudaVersions"] = [{"version": version, "available": fits} for version in gpu.cuda_versions]
        shown |= {"dataCenters": centers} if fits else {}
    return shown


def _level(count: int) -> str:
    return "NONE" if count <= 0 else "LOW" if count < 3 else "MEDIUM" if count < 10 else "HIGH"


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
