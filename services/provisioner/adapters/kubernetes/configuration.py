"""What the operator decides about trainers in a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from contracts.gpus import GpuType, PricingTier
from services.provisioner.domain.prices import MachinePrice, micro_usd_per_hour
from services.provisioner.kubernetes_settings import GpuNodes, TierNodes
from services.provisioner.ports import RequestRefused, TierNotOffered
from services.provisioner.settings import Settings


@dataclass(frozen=True)
class Place:
    """Nodes of one tier with one GPU type."""

    gpu_type: GpuType
    pricing_tier: PricingTier
    nodes: GpuNodes
    tier: TierNodes

    @property
    def price(self) -> MachinePrice:
        """Nothing where no price is configured."""
        rate = micro_usd_per_hour(self.tier.usd_per_hour)
        if rate is None:
            return MachinePrice()
        return MachinePrice(self.nodes.model or self.gpu_type.value, rate,
                            micro_usd_per_hour(self.nodes.on_demand.usd_per_hour))


@dataclass(frozen=True)
class Configuration:
    """Times in seconds. `ca_file` None: the server's certificate is nobody's business (plain HTTP on this machine)."""

    url: str
    image: str
    gpus: Mapping[GpuType, GpuNodes]
    token_file: Path
    ca_file: Path | None = None
    namespace: str = "brightrun-training"
    installation: str = "brightrun"
    image_pull_policy: str = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    environment_secret: str = ""
    priority_class: str = ""
    runtime_class: str = ""
    service_account: str = ""
    models_claim: str = ""
    shared_memory: str = "16Gi"
    run_as_user: int = 1001
    stop_grace_s: int = 30
    keep_finished_s: int = 86_400
    schedule_wait_s: float = 60.0
    image_wait_s: float = 180.0
    timeout_s: float = 10.0
    look_every_s: float = 2.0
    list_max_age_s: float = 1.0
    patience_s: float = 5.0
    # A create waits so long for a node before it comes back later: each one gives the pod a new user of the broker.
    placement_look_s: float = 10.0
    placement_pause_s: float = 0.5

    def place(self, gpu_type: GpuType, pricing_tier: PricingTier) -> Place:
        """Raises RequestRefused, TierNotOffered."""
        nodes = self.gpus.get(gpu_type)
        if nodes is None:
            raise RequestRefused(f"this cluster has no nodes for {gpu_type.value}; name them in "
                                 "BRIGHTRUN_KUBERNETES_GPUS")
        tier = nodes.tier(pricing_tier)
        if tier is None:
            raise TierNotOffered("this cluster has no spot nodes; choose on_demand, or auto, which takes it then")
        return Place(gpu_type, pricing_tier, nodes, tier)

    @classmethod
    def of(cls, settings: Settings) -> Configuration:
        url = settings.kubernetes_url()
        return cls(
            url=url, image=settings.kubernetes_image, gpus=settings.kubernetes_gpus,
            token_file=settings.kubernetes_token_file,
            ca_file=settings.kubernetes_ca_file if url.startswith("https:") else None,
            namespace=settings.kubernetes_namespace, installation=settings.kubernetes_installation,
            image_pull_policy=settings.kubernetes_image_pull_policy,
            image_pull_secrets=settings.kubernetes_image_pull_secrets, environment=settings.kubernetes_environment,
            environment_secret=settings.kubernetes_environment_secret,
            priority_class=settings.kubernetes_priority_class, runtime_class=settings.kubernetes_runtime_class,
            service_account=settings.kubernetes_service_account, models_claim=settings.kubernetes_models_claim,
            shared_memory=settings.kubernetes_shared_memory, run_as_user=settings.kubernetes_run_as_user,
            stop_grace_s=settings.kubernetes_stop_grace_s, keep_finished_s=settings.kubernetes_keep_finished_s,
            schedule_wait_s=settings.kubernetes_schedule_wait_s, image_wait_s=settings.kubernetes_image_wait_s,
            timeout_s=settings.kubernetes_timeout_s, look_every_s=settings.kubernetes_look_every_s,
            list_max_age_s=min(cls.list_max_age_s, settings.kubernetes_look_every_s),
        )
