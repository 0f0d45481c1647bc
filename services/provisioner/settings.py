"""What the provisioner is told from outside (`BRIGHTRUN_*`)."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import AliasChoices, Field, SecretStr, model_validator

from chassis.settings import ServiceSettings
from contracts.rpc.pods import DELETE_CHECKPOINT, HEARTBEAT, LIST_CHECKPOINTS, SIGN_URLS
from services.provisioner.domain.policy import Policy, RetryPolicy, Timeouts
from services.provisioner.domain.request_rates import Rate
from services.provisioner.kubernetes_settings import KubernetesSettings

# Patience with machines of a cloud, where nothing else is set: images are pulled, lists lag, requests are counted.
_CLOUD: dict[str, Any] = {
    "heartbeat_interval_s": 10.0, "heartbeat_timeout_s": 50.0, "first_heartbeat_timeout_s": 180.0,
    "provisioning_timeout_s": 1200.0, "poll_s": 15.0, "list_lag_s": 60.0, "gone_after_s": 10.0,
    "capacity_retry_s": 15.0, "terminate_poll_s": 2.0, "reap_interval_s": 30.0, "call_timeout_s": 60.0, "lease_s": 90.0,
}
# A cluster of one's own pulls images too, but what its API server lists is so.
_PATIENCE: dict[str, dict[str, Any]] = {
    "runpod": _CLOUD, "kubernetes": {**_CLOUD, "poll_s": 10.0, "list_lag_s": 2.0, "gone_after_s": 1.0}}
# Values that are resolved inside the provider: `{{ RUNPOD_SECRET_name }}`.
_SECRET_REFERENCE = re.compile(r"\{\{ *RUNPOD_SECRET_\w+ *\}\}\Z")
_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|KEY|CREDENTIAL")


class RunPodSettings(ServiceSettings):
    """Provider `runpod` (docs/operations/runpod.md)."""

    # The API key, or a file that holds nothing else. `RUNPOD_API_KEY` is taken as well.
    runpod_api_key: SecretStr = Field(default=SecretStr(""), validation_alias=AliasChoices(
        "BRIGHTRUN_RUNPOD_API_KEY", "RUNPOD_API_KEY", "runpod_api_key"))
    runpod_api_key_file: Path | None = None
    runpod_url: str = "https://api.runpod.io"
    # The trainer's image by tag or digest, and the id of the registry credential at RunPod if it is private.
    runpod_image: str = ""
    runpod_registry: str = ""
    # Before the names of all pods: several installations may share one account.
    runpod_installation: str = Field(default="brightrun", pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")
    runpod_cloud: Literal["SECURE", "COMMUNITY"] = "SECURE"
    # Empty: wherever RunPod has one free.
    runpod_data_centers: tuple[str, ...] = ()
    # The image is built for this version of CUDA; machines with an older driver cannot run it. Empty: any.
    runpod_min_cuda: str = Field(default="13.0", pattern=r"^(\d+\.\d+)?$")
    runpod_disk_gb: int = Field(default=200, ge=20)
    # Data center -> id of the network volume with base models there, seen in the pod at `runpod_volume_path`.
    runpod_volumes: dict[str, str] = Field(default_factory=dict)
    runpod_volume_path: str = "/models"
    # More variables for every pod. Nothing secret: RunPod shows them to whoever has the key.
    runpod_environment: dict[str, str] = Field(default_factory=dict)
    # Tokens per second against the H100 PCIe: price / speed decides which card is asked for first.
    runpod_gpu_speeds: dict[str, float] = Field(default_factory=lambda: {
        "NVIDIA H100 80GB HBM3": 1.4, "NVIDIA H100 PCIe": 1.0, "NVIDIA H100 NVL": 1.1, "NVIDIA H200": 1.5})
    runpod_max_usd_per_hour: float = Field(default=6.0, gt=0)
    # Spot machines through GraphQL, as long as RunPod has it. A bid is this part above the lowest one.
    runpod_spot: bool = True
    runpod_bid_margin: float = Field(default=0.1, ge=0)
    runpod_timeout_s: float = Field(default=20.0, gt=0)
    # How often the list of pods is compared with the one before: so soon an end is seen. RunPod allows 60 calls
    # a minute.
    runpod_look_every_s: float = Field(default=5.0, gt=0)

    def runpod_key(self) -> str:
        """Raises ValueError where there is none."""
        if self.runpod_api_key_file is None:
            return self.runpod_api_key.get_secret_value()
        try:
            return self.runpod_api_key_file.read_text().strip()
        except OSError as error:
            raise ValueError(f"BRIGHTRUN_RUNPOD_API_KEY_FILE cannot be read: {error.strerror}") from None

    def check_runpod(self) -> None:
        """Raises ValueError with what to do."""
        if not self.runpod_image:
            raise ValueError("BRIGHTRUN_RUNPOD_IMAGE is empty: name the trainer's image")
        if not self.runpod_key():
            raise ValueError("there is no API key: set BRIGHTRUN_RUNPOD_API_KEY or BRIGHTRUN_RUNPOD_API_KEY_FILE")
        if any(speed <= 0 for speed in self.runpod_gpu_speeds.values()):
            raise ValueError("BRIGHTRUN_RUNPOD_GPU_SPEEDS: every speed is greater than 0")
        for name, value in self.runpod_environment.items():
            if _SECRET_NAME.search(name.upper()) and not _SECRET_REFERENCE.match(value):
                raise ValueError(f"BRIGHTRUN_RUNPOD_ENVIRONMENT: {name} looks like a secret; store it as a secret at "
                                 "RunPod and give its reference, {{ RUNPOD_SECRET_name }}")


class Settings(RunPodSettings, KubernetesSettings):
    service_name: str = "provisioner"
    provider: Literal["local", "runpod", "kubernetes"] = "local"

    # The local provider. `stack_pid`: when this process ends, every local pod ends; 0 for none.
    stack_pid: int = Field(default=0, ge=0)
    trainer_command: tuple[str, ...] = (sys.executable, "-m", "trainer_image")
    local_max_pods: int = Field(default=2, ge=1)

    # What pods are told. Empty: the same addresses that this service uses.
    pod_nats_url: str = ""
    # PEM file: authorities that pods believe beside those of their machine. Empty: those that this service is given for
    # the broker and the storage.
    pod_tls_ca: str = ""
    heartbeat_interval_s: float = Field(default=3.0, gt=0)
    # A pod whose heartbeats nobody has answered for so long ends itself: nobody else may be left to do it. Longer than
    # any outage that running jobs are to survive.
    pod_lease_s: float = Field(default=2700.0, gt=0)
    checkpoint_every_steps: int = Field(default=100, ge=1)
    checkpoint_every_s: float = Field(default=60.0, gt=0)
    checkpoints_kept: int = Field(default=3, ge=1)
    signed_url_lifetime_s: int = Field(default=1800, ge=60)
    # Checkpoints of an ended job are deleted after this time.
    checkpoint_retention_h: float = Field(default=72.0, ge=0)

    # Accounts and users for pods (NATS operator mode). Empty: the broker asks for no credentials. `nats_account` is
    # the services' account, `nats_account_signing_seed_file` the key that signs pods' users.
    nats_account: str = ""
    nats_account_signing_seed_file: str = ""
    nats_operator_signing_seed_file: str = ""
    nats_system_creds_file: str = ""

    # Patience. The local machine answers at once and nobody pulls an image, hence shorter than a cloud's.
    heartbeat_timeout_s: float = Field(default=20.0, gt=0)
    first_heartbeat_timeout_s: float = Field(default=60.0, gt=0)
    provisioning_timeout_s: float = Field(default=60.0, gt=0)
    capacity_wait_s: float = Field(default=24 * 3600.0, gt=0)
    capacity_retry_s: float = Field(default=2.0, gt=0)
    # `auto` asks for spot until it was not to be had this often, or for so long; then it takes on_demand.
    auto_spot_offers: int = Field(default=2, ge=1)
    auto_spot_wait_s: float = Field(default=600.0, ge=0)
    max_interruptions: int = Field(default=10, ge=0)
    max_faults: int = Field(default=3, ge=1)
    finish_grace_s: float = Field(default=10.0, ge=0)
    # A pause or another tier: how long a trainer may take for its checkpoint before its machine is stopped.
    pause_grace_s: float = Field(default=120.0, gt=0)
    poll_s: float = Field(default=5.0, gt=0)
    terminate_poll_s: float = Field(default=0.5, gt=0)
    # How far the provider's list may lag, and after which time its "no such machine" is asked for again.
    list_lag_s: float = Field(default=10.0, ge=0)
    gone_after_s: float = Field(default=1.0, ge=0)
    sweep_interval_s: float = Field(default=1.0, gt=0)
    reap_interval_s: float = Field(default=10.0, gt=0)
    # A provider call may take `call_timeout_s`; the lease on a pod outlasts it.
    call_timeout_s: float = Field(default=10.0, gt=0)
    lease_s: float = Field(default=15.0, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _fit_the_provider(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {**_PATIENCE.get(str(values.get("provider")), {}), **values}

    @model_validator(mode="after")
    def _check_the_provider(self) -> Self:
        if self.provider == "runpod":
            self.check_runpod()
        if self.provider == "kubernetes":
            self.check_kubernetes()
        return self

    @property
    def pods_dir(self) -> Path:
        return self.data_dir / "pods"

    def request_rates(self) -> dict[str, Rate]:
        """A pod's share of each request. A checkpoint or a delivery signs its objects in one burst."""
        return {
            HEARTBEAT.method: Rate(burst=20, per_s=4 / self.heartbeat_interval_s),
            SIGN_URLS.method: Rate(burst=1_000, per_s=50),
            LIST_CHECKPOINTS.method: Rate(burst=20, per_s=0.5),
            DELETE_CHECKPOINT.method: Rate(burst=50, per_s=5),
        }

    def policy(self) -> Policy:
        retry = RetryPolicy(
            interruptions=self.max_interruptions, faults=self.max_faults, capacity_wait_s=self.capacity_wait_s,
            capacity_retry_s=self.capacity_retry_s, spot_offers=self.auto_spot_offers,
            spot_wait_s=self.auto_spot_wait_s,
        )
        timeouts = Timeouts(
            provisioning_s=self.provisioning_timeout_s, heartbeat_s=self.heartbeat_timeout_s,
            first_heartbeat_s=self.first_heartbeat_timeout_s, finish_grace_s=self.finish_grace_s,
            stop_grace_s=self.heartbeat_interval_s + 1.0, poll_s=self.poll_s, terminate_poll_s=self.terminate_poll_s,
            list_lag_s=self.list_lag_s, gone_after_s=self.gone_after_s, pause_grace_s=self.pause_grace_s,
        )
        return Policy(retry, timeouts)

    def pod_authorities(self) -> str:
        """PEM certificates; empty: pods believe what their machine believes."""
        own = dict.fromkeys(filter(None, (self.nats_tls_ca, self.s3_tls_ca)))
        return "".join(Path(path).read_text() for path in ([self.pod_tls_ca] if self.pod_tls_ca else own))

    def _plain_text(self) -> Iterator[str]:
        yield from super()._plain_text()
        if self.pod_nats_url and not self.pod_nats_url.startswith(("tls://", "wss://")):
            yield "BRIGHTRUN_POD_NATS_URL begins neither with tls:// nor with wss://"
