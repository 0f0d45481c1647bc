"""The facts the rules work on; one instance mirrors one row."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from contracts.events import JobStartRequested
from contracts.gpus import GpuType, PricingTier
from services.provisioner.domain.prices import UNPRICED, MachinePrice
from services.provisioner.domain.retry_counters import RetryCounters


class JobState(StrEnum):
    """Whether this job is to have a pod. Not the job's status: that belongs to job_api."""

    ACTIVE = "active"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class PodStatus(StrEnum):
    REQUESTED = "requested"  # the intent is saved
    CREATING = "creating"  # the provider has been, or is being, asked
    RUNNING = "running"  # the machine exists
    TERMINATING = "terminating"  # not wanted any more; billed until the provider's list says it is gone
    TERMINATED = "terminated"


LIVE = (PodStatus.REQUESTED, PodStatus.CREATING, PodStatus.RUNNING)


class Result(StrEnum):
    """What the trainer said in the end."""

    COMPLETED = "completed"
    FAILED = "failed"
    PAUSED = "paused"


@dataclass(frozen=True)
class Job:
    """`spec` is None when the job ended before its start was heard of. `best_step`: the newest saved checkpoint.

    `run` is the newest start that was heard of, `paused_run` the newest that was paused: they come in any order.
    """

    job_id: UUID
    workspace_id: UUID
    state: JobState
    spec: JobStartRequested | None
    attempt: int
    accepted_at: datetime
    first_running_at: datetime | None
    best_step: int | None
    counters: RetryCounters
    traceparent: str | None
    run: int = 1
    paused_run: int = -1
    paused_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def active(self) -> bool:
        return self.state is JobState.ACTIVE and self.spec is not None


@dataclass(frozen=True)
class Pod:
    pod_name: str
    job_id: UUID
    workspace_id: UUID
    attempt: int
    provider: str
    gpu_type: GpuType
    pricing_tier: PricingTier
    status: PodStatus
    provider_pod_id: str | None
    requested_at: datetime
    create_failures: int
    creating_since: datetime | None
    running_since: datetime | None
    last_heartbeat_at: datetime | None
    last_step: int | None
    result: Result | None
    stop_by: datetime | None
    ended_at: datetime | None
    exit_code: int | None
    interrupted_at: datetime | None
    reason: str
    terminated_at: datetime | None
    create_asked_at: datetime | None
    came_up_at: datetime | None
    missing_since: datetime | None
    closed_at: datetime | None
    failed_offers: int = 0
    in_line_since: datetime | None = None
    waiting_since: datetime | None = None
    told_ahead: int | None = None
    last_words_until: datetime | None = None
    price: MachinePrice = UNPRICED
    # Asked to save a checkpoint and end; stopped anyway at this moment.
    drain_by: datetime | None = None

    @property
    def draining(self) -> bool:
        return self.drain_by is not None and self.status in LIVE
