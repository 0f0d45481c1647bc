"""What the operator decides about machines at RunPod."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from contracts.gpus import GpuType
from services.provisioner.settings import Settings

# What RunPod's ids can stand for each of ours.
CARDS = {GpuType.H100_PCIE_80GB: frozenset({"NVIDIA H100 80GB HBM3", "NVIDIA H100 PCIe", "NVIDIA H100 NVL",
                                            "NVIDIA H200"})}


@dataclass(frozen=True)
class Configuration:
    """`speeds`: RunPod's id of a card -> tokens per second against the H100 PCIe. `volumes`: data center -> id of the
    network volume there. `list_lag_s`: for so long after a create the list may not show the pod. Times in seconds."""

    api_key: str = field(repr=False)
    image: str
    speeds: Mapping[str, float]
    url: str = "https://api.runpod.io"
    graphql_url: str = "https://api.runpod.io/graphql"
    installation: str = "brightrun"
    registry: str = ""
    cloud: str = "SECURE"
    data_centers: tuple[str, ...] = ()
    min_cuda: str = "13.0"
    disk_gb: int = 200
    volumes: Mapping[str, str] = field(default_factory=dict)
    volume_path: str = "/models"
    environment: Mapping[str, str] = field(default_factory=dict)
    max_usd_per_hour: float = 6.0
    spot: bool = True
    bid_margin: float = 0.1
    timeout_s: float = 20.0
    patience_s: float = 5.0
    list_max_age_s: float = 3.0
    list_lag_s: float = 60.0
    look_every_s: float = 5.0
    doubt_looks: int = 3
    doubt_pause_s: float = 1.0

    @property
    def prefix(self) -> str:
        return f"{self.installation}-"

    @classmethod
    def of(cls, settings: Settings) -> Configuration:
        return cls(
            api_key=settings.runpod_key(), image=settings.runpod_image, speeds=settings.runpod_gpu_speeds,
            url=settings.runpod_url.rstrip("/"), graphql_url=f"{settings.runpod_url.rstrip('/')}/graphql",
            installation=settings.runpod_installation, registry=settings.runpod_registry, cloud=settings.runpod_cloud,
            data_centers=tuple(name.upper() for name in settings.runpod_data_centers),
            min_cuda=settings.runpod_min_cuda, disk_gb=settings.runpod_disk_gb,
            volumes={name.upper(): volume for name, volume in settings.runpod_volumes.items()},
            volume_path=settings.runpod_volume_path, environment=settings.runpod_environment,
            max_usd_per_hour=settings.runpod_max_usd_per_hour, spot=settings.runpod_spot,
            bid_margin=settings.runpod_bid_margin, timeout_s=settings.runpod_timeout_s,
            list_lag_s=settings.list_lag_s, look_every_s=settings.runpod_look_every_s,
            list_max_age_s=min(cls.list_max_age_s, settings.runpod_look_every_s),
        )
