"""Settings of the provider `kubernetes` (docs/operations/kubernetes-provider.md)."""

import os
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from chassis.settings import ServiceSettings
from contracts.gpus import GpuType, PricingTier

_IN_CLUSTER = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|KEY|CREDENTIAL")
# What the API server takes as an amount: `4`, `500m`, `64Gi`.
Quantity = Annotated[str, StringConstraints(pattern=r"^[1-9]\d*(\.\d+)?(m|[kMGTPE]|[KMGTPE]i)?$")]
DnsLabel = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
DnsName = Annotated[str, StringConstraints(pattern=r"^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Toleration(_Strict):
    """As in a pod; a toleration without an effect tolerates all of them."""

    key: str = ""
    operator: Literal["Exists", "Equal"] = "Exists"
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None


class TierNodes(_Strict):
    """What nodes of this tier have besides the labels and taints of their GPU type, and their price in USD per hour.
    Without a price the installation's configured rate counts."""

    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
    usd_per_hour: float | None = Field(default=None, gt=0)


class GpuNodes(_Strict):
    """Nodes that stand for one GPU type. `count` 0: no GPU is asked for. `spot` absent: this tier is not offered.

    `model` is shown to people; `relative_speed` is in tokens per second against the card the type is named after.
    """

    model: str = ""
    resource: str = "nvidia.com/gpu"
    count: int = Field(default=1, ge=0, le=1)
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
    cpu: Quantity = "8"
    memory: Quantity = "64Gi"
    disk: Quantity = "100Gi"
    relative_speed: float = Field(default=1.0, gt=0)
    on_demand: TierNodes = TierNodes()
    spot: TierNodes | None = None

    def tier(self, tier: PricingTier) -> TierNodes | None:
        """None: not offered."""
        return self.spot if tier is PricingTier.SPOT else self.on_demand


class KubernetesSettings(ServiceSettings):
    """Provider `kubernetes`. In a cluster the service account's token and certificates are taken by themselves."""

    # The API server; empty: the one of the cluster that this process runs in. The token file is read at every request.
    kubernetes_server: str = ""
    kubernetes_token_file: Path = _IN_CLUSTER / "token"
    kubernetes_ca_file: Path = _IN_CLUSTER / "ca.crt"
    kubernetes_namespace: DnsLabel = "brightrun-training"
    # A label of everything that is made: several installations may share one namespace.
    kubernetes_installation: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,29}[a-z0-9])?$")] = (
        "brightrun")
    kubernetes_image: str = ""
    kubernetes_image_pull_policy: Literal["IfNotPresent", "Always", "Never"] = "IfNotPresent"
    kubernetes_image_pull_secrets: tuple[DnsName, ...] = ()
    # GPU type -> the nodes that have it.
    kubernetes_gpus: dict[GpuType, GpuNodes] = Field(default_factory=dict)
    # More variables for every pod, nothing secret; and a Secret of the namespace with those that are (HF_TOKEN).
    kubernetes_environment: dict[str, str] = Field(default_factory=dict)
    kubernetes_environment_secret: DnsName = ""
    kubernetes_priority_class: DnsName = ""
    kubernetes_runtime_class: DnsName = ""
    kubernetes_service_account: DnsName = ""
    # A PersistentVolumeClaim of the namespace with base models; empty: each pod downloads into its own disk.
    kubernetes_models_claim: DnsName = ""
    kubernetes_shared_memory: Quantity = "16Gi"
    kubernetes_run_as_user: int = Field(default=1001, ge=1)
    # From SIGTERM to SIGKILL.
    kubernetes_stop_grace_s: int = Field(default=30, ge=0)
    # A finished Job is removed by the cluster after this time if nobody else does it.
    kubernetes_keep_finished_s: int = Field(default=86_400, ge=600)
    # A pod that no node has taken for so long is withdrawn and its job waits in line. Longer than a node takes to come
    # up where the cluster is scaled automatically.
    kubernetes_schedule_wait_s: float = Field(default=60.0, gt=0)
    # For so long an image that cannot be pulled is tried again by the cluster.
    kubernetes_image_wait_s: float = Field(default=180.0, gt=0)
    kubernetes_timeout_s: float = Field(default=10.0, gt=0)
    # How often Jobs and pods are listed: so soon an end is seen.
    kubernetes_look_every_s: float = Field(default=2.0, gt=0)

    def kubernetes_url(self) -> str:
        """Raises ValueError where there is neither a setting nor a cluster around this process."""
        if self.kubernetes_server:
            return self.kubernetes_server.rstrip("/")
        host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
        if not host:
            raise ValueError("this is no pod of a cluster: set BRIGHTRUN_KUBERNETES_SERVER to the API server's address")
        return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"

    def check_kubernetes(self) -> None:
        """Raises ValueError with what to do."""
        if not self.kubernetes_image:
            raise ValueError("BRIGHTRUN_KUBERNETES_IMAGE is empty: name the trainer's image")
        if not self.kubernetes_gpus:
            raise ValueError("BRIGHTRUN_KUBERNETES_GPUS is empty: say which nodes have which GPU")
        for name in self.kubernetes_environment:
            if _SECRET_NAME.search(name.upper()):
                raise ValueError(f"BRIGHTRUN_KUBERNETES_ENVIRONMENT: {name} looks like a secret; put it into a "
                                 "Secret of the namespace and name that in BRIGHTRUN_KUBERNETES_ENVIRONMENT_SECRET")
        self._check_the_way()

    def _check_the_way(self) -> None:
        url = urlsplit(self.kubernetes_url())
        if url.scheme not in ("https", "http") or not url.hostname:
            raise ValueError("BRIGHTRUN_KUBERNETES_SERVER: an address such as https://10.0.0.1:6443")
        if url.scheme == "http" and not _is_this_machine(url.hostname):
            raise ValueError("BRIGHTRUN_KUBERNETES_SERVER: the token would travel readable by anybody; use https")
        files = {"TOKEN": self.kubernetes_token_file} | (
            {"CA": self.kubernetes_ca_file} if url.scheme == "https" else {})
        for what, path in files.items():
            if not os.access(path, os.R_OK):
                raise ValueError(f"BRIGHTRUN_KUBERNETES_{what}_FILE cannot be read: {path}")


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
