"""What the provisioner is told from outside (`BRIGHTRUN_*`)."""

import sys
from pathlib import Path
from typing import Literal

from pydantic import Field

from chassis.settings import ServiceSettings
from contracts.rpc.pods import DELETE_CHECKPOINT, HEARTBEAT, LIST_CHECKPOINTS, SIGN_URLS
from services.provisioner.domain.policy import Policy, RetryPolicy, Timeouts
from services.provisioner.domain.request_rates import Rate


class Settings(ServiceSettings):
    service_name: str = "provisioner"
    provider: Literal["local"] = "local"

    # The local provider. `stack_pid`: when this process ends, every local pod ends; 0 for none.
    stack_pid: int = Field(default=0, ge=0)
    trainer_command: tuple[str, ...] = (sys.executable, "-m", "trainer_image")
    local_max_pods: int = Field(default=2, ge=1)

    # What pods are told. Empty: the same addresses that this service uses.
    pod_nats_url: str = ""
    heartbeat_interval_s: float = Field(default=3.0, gt=0)
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
    max_interruptions: int = Field(default=10, ge=0)
    max_faults: int = Field(default=3, ge=1)
    finish_grace_s: float = Field(default=10.0, ge=0)
    poll_s: float = Field(default=5.0, gt=0)
    # How far the provider's list may lag, and after which time its "no such machine" is asked for again.
    list_lag_s: float = Field(default=10.0, ge=0)
    gone_after_s: float = Field(default=1.0, ge=0)
    sweep_interval_s: float = Field(default=1.0, gt=0)
    reap_interval_s: float = Field(default=10.0, gt=0)
    # A provider call may take `call_timeout_s`; the lease on a pod outlasts it.
    call_timeout_s: float = Field(default=10.0, gt=0)
    lease_s: float = Field(default=15.0, gt=0)

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
            capacity_retry_s=2.0,
        )
        timeouts = Timeouts(
            provisioning_s=self.provisioning_timeout_s, heartbeat_s=self.heartbeat_timeout_s,
            first_heartbeat_s=self.first_heartbeat_timeout_s, finish_grace_s=self.finish_grace_s,
            stop_grace_s=self.heartbeat_interval_s + 1.0, poll_s=self.poll_s, terminate_poll_s=0.5,
            list_lag_s=self.list_lag_s, gone_after_s=self.gone_after_s,
        )
        return Policy(retry, timeouts)
