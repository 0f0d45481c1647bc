"""What a pod asks the provisioner, and what services ask it about pods."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.gpus import GpuType, PricingTier
from contracts.rpc.spec import PodRpc, Rpc


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Heartbeat(Model):
    attempt: int = Field(ge=1)
    stage: str = ""
    step: int | None = None
    sent_at: datetime


class HeartbeatReply(Model):
    """`stop` tells a pod whose attempt no longer counts to end at once, without a word. `pause` asks it to save a
    checkpoint and end (`training.paused`); a trainer of an older release does not know this answer and goes on.
    Any other answer is a lease: the pod may go on for `lease_s` without another (null: for as long as its order says).
    """

    directive: Literal["continue", "stop", "pause"]
    reason: str = ""
    lease_s: float | None = Field(default=None, gt=0)


class ObjectRequest(Model):
    """One object below the job's own prefix in an area. `key` is relative to it: `a1/step-100/optimizer.pt`."""

    method: Literal["GET", "PUT"]
    area: Literal["training_file", "checkpoints", "artifacts"]
    key: str = Field(max_length=512)
    # Checkpoints of the job that this one continues, to be read only. Null: its own.
    job_id: UUID | None = None


class SignUrls(Model):
    attempt: int = Field(ge=1)
    objects: tuple[ObjectRequest, ...] = Field(min_length=1, max_length=200)


class SignedUrl(Model):
    """`bucket` and `object_key` are the object's full address, `url` is valid until `expires_at`."""

    area: str
    key: str
    bucket: str
    object_key: str
    url: str
    expires_at: datetime


class SignUrlsReply(Model):
    urls: tuple[SignedUrl, ...]


class ListCheckpoints(Model):
    attempt: int = Field(ge=1)


class CheckpointOffer(Model):
    """A complete checkpoint, newest first. `manifest_key` is relative to the area `checkpoints`. `job_id`: the job
    whose it is, where that is not the one that asks but the one that it continues."""

    attempt: int
    step: int
    manifest_key: str
    manifest_sha256: str
    job_id: UUID | None = None


class ListCheckpointsReply(Model):
    checkpoints: tuple[CheckpointOffer, ...]


class DeleteCheckpoint(Model):
    """Drop a checkpoint that is no longer among the newest three."""

    attempt: int = Field(ge=1)
    checkpoint_attempt: int = Field(ge=1)
    step: int = Field(ge=0)


class Done(Model):
    done: bool = True


HEARTBEAT = PodRpc("provisioner", "heartbeat", Heartbeat, HeartbeatReply)
SIGN_URLS = PodRpc("provisioner", "sign_urls", SignUrls, SignUrlsReply)
LIST_CHECKPOINTS = PodRpc("provisioner", "list_checkpoints", ListCheckpoints, ListCheckpointsReply)
DELETE_CHECKPOINT = PodRpc("provisioner", "delete_checkpoint", DeleteCheckpoint, Done)


class JobPodsQuery(Model):
    job_id: UUID
    workspace_id: UUID


class PodView(Model):
    pod_name: str
    attempt: int
    provider: str
    provider_pod_id: str | None = None
    status: str
    gpu_type: str
    pricing_tier: str
    requested_at: datetime
    running_since: datetime | None = None
    terminated_at: datetime | None = None
    last_heartbeat_at: datetime | None = None
    exit_code: int | None = None
    reason: str = ""
    gpu_model: str = ""
    rate_micro_usd_per_hour: int | None = None


class JobPods(Model):
    pods: tuple[PodView, ...]


class LogQuery(Model):
    """The trainer's own output, newest attempt when `attempt` is absent; `offset` in bytes."""

    job_id: UUID
    workspace_id: UUID
    attempt: int | None = None
    offset: int = Field(ge=0, default=0)
    max_bytes: int = Field(ge=1, le=500_000, default=100_000)


class LogPage(Model):
    attempt: int | None
    text: str
    next_offset: int
    end: bool
    details: dict[str, Any] = Field(default_factory=dict)


class MachinesQuery(Model):
    """Every machine that existed at or after `since`, in pages: the money side compares its bills with this list."""

    since: datetime
    after: str = ""
    limit: int = Field(ge=1, le=1000, default=500)


class Machine(Model):
    """Times and prices are the provider's. `running_since` is null while it was never seen running, a price where the
    provider tells none."""

    job_id: UUID
    workspace_id: UUID
    attempt: int
    provider: str
    gpu_type: GpuType
    pricing_tier: PricingTier
    running_since: datetime | None = None
    terminated_at: datetime | None = None
    gpu_model: str = ""
    rate_micro_usd_per_hour: int | None = None
    on_demand_micro_usd_per_hour: int | None = None


class Machines(Model):
    """`next_after` is the next page's `after`; null on the last page."""

    machines: tuple[Machine, ...]
    next_after: str | None = None


class LeaksQuery(Model):
    """Money that machines cost beyond their use, of those that ended at or after `since`."""

    since: datetime


class Leak(Model):
    """A machine that nobody asked for, or that outlived its work by more than a minute."""

    pod_name: str
    job_id: UUID
    workspace_id: UUID
    provider: str
    ended_at: datetime
    micro_usd: int


class Leaks(Model):
    """The newest first, at most a hundred; the sum is of all. Machines of jobs that nobody knows are not in it: they
    stand in `provisioner_leaked_usd_total`."""

    micro_usd: int
    machines: int
    leaks: tuple[Leak, ...] = ()


class JobCheckpointsQuery(Model):
    job_id: UUID
    workspace_id: UUID


class CheckpointView(Model):
    attempt: int
    step: int
    size_bytes: int
    saved_at: datetime


class JobCheckpoints(Model):
    """What can be gone on from, the furthest step first; empty when nothing was saved or all was deleted."""

    checkpoints: tuple[CheckpointView, ...]


class PricesQuery(Model):
    """What a machine of this type would cost now, in each tier."""

    gpu_type: GpuType


class Price(Model):
    """The machine that would be asked for first. `micro_usd_per_hour` is all that the provider charges.

    `relative_speed`: its tokens per second against the card that the GPU type is named after.
    """

    pricing_tier: PricingTier
    gpu_model: str
    micro_usd_per_hour: int = Field(ge=0)
    relative_speed: float = Field(default=1.0, gt=0)


class Prices(Model):
    """At most one for each tier; none where the provider has no catalogue, or does not offer it at present."""

    provider: str
    prices: tuple[Price, ...] = ()


JOB_CHECKPOINTS = Rpc("provisioner", "job_checkpoints", JobCheckpointsQuery, JobCheckpoints)
JOB_PODS = Rpc("provisioner", "job_pods", JobPodsQuery, JobPods)
POD_LOG = Rpc("provisioner", "pod_log", LogQuery, LogPage)
LEAKS = Rpc("provisioner", "leaks", LeaksQuery, Leaks)
MACHINES = Rpc("provisioner", "machines", MachinesQuery, Machines)
PRICES = Rpc("provisioner", "prices", PricesQuery, Prices)
