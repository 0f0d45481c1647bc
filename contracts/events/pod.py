"""What is known about pods: one pod per attempt of a job."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from contracts.envelope import AttemptEventData
from contracts.error_taxonomy import TrainingErrorType
from contracts.gpus import GpuType, PricingTier


class InterruptionSource(StrEnum):
    SIGTERM = "sigterm"
    HEARTBEAT = "heartbeat"
    PROVIDER = "provider"


class PodEvent(AttemptEventData):
    entity: ClassVar[str] = "pod"

    pod_name: str


class MachinePrice(BaseModel):
    """What the machine really is and costs, as the provider tells it; null where it does not.

    `rate_micro_usd_per_hour` is all that the provider charges while it exists, its disk included.
    `on_demand_micro_usd_per_hour`: the same card that day, not to be taken away: what spot is compared with.
    """

    gpu_model: str = ""
    rate_micro_usd_per_hour: int | None = Field(default=None, ge=0)
    on_demand_micro_usd_per_hour: int | None = Field(default=None, ge=0)


class PodRequested(PodEvent):
    """The intent to run an attempt is saved; the provider is asked next. Said again when its tier changes, or when a
    change was refused: `reason` says why."""

    event: ClassVar[str] = "requested"

    provider: str
    gpu_type: GpuType
    pricing_tier: PricingTier
    reason: str = ""


class PodWaiting(PodEvent):
    """There is no machine to be had just now: the attempt stands in line, `ahead` others before it. Said again when
    that changes."""

    event: ClassVar[str] = "waiting"

    provider: str
    gpu_type: GpuType
    pricing_tier: PricingTier
    ahead: int = Field(ge=0)
    waiting_since: datetime
    reason: str = ""


class PodRunning(MachinePrice, PodEvent):
    """The machine exists and costs money from `running_since`."""

    event: ClassVar[str] = "running"

    provider: str
    provider_pod_id: str
    gpu_type: GpuType
    pricing_tier: PricingTier
    running_since: datetime


class PodInterrupted(PodEvent):
    """The attempt ended before its job did. SIGTERM, silence and the provider's word all become this event.

    Said by the trainer on SIGTERM or when nobody answers it, and by the provisioner once it knows; all carry
    the same attempt, so the second changes nothing.
    """

    event: ClassVar[str] = "interrupted"

    detected_by: InterruptionSource
    reason: str = ""
    last_step: int | None = None
    interrupted_at: datetime


class PodFailed(PodEvent):
    """The provisioner gives up on this job: no further attempt follows.

    `error_code` refines the type (`contracts.error_catalogue`); `context` holds the figures of its explanation.
    """

    event: ClassVar[str] = "failed"

    error_type: TrainingErrorType
    error_code: str | None = None
    message: str
    suggested_fix: str
    context: dict[str, Any] = Field(default_factory=dict)


class PodTerminated(MachinePrice, PodEvent):
    """The provider confirmed that the machine is gone; it costs nothing from `terminated_at`."""

    event: ClassVar[str] = "terminated"

    provider: str
    gpu_type: GpuType
    pricing_tier: PricingTier
    running_since: datetime | None = None
    terminated_at: datetime
    exit_code: int | None = None
    reason: str = ""
