"""What users ask for, as plain values, and what the commands on jobs work with."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import Clock
from chassis.database.engine import Database
from contracts.gpus import GpuType, PricingTier
from contracts.hyperparameters import HyperparameterOverrides
from services.job_api.jobs.domain.queue import QueueLimits
from services.job_api.jobs.errors import InvalidValues
from services.job_api.jobs.repository.job_rows import Row
from services.job_api.machines import Machines
from services.job_api.ports import RpcClient

ResultT = TypeVar("ResultT")
# Called last in the transaction of a command's effect, with the job's row; what it returns is the command's result.
Finish = Callable[[AsyncConnection, Row], Awaitable[ResultT]]


@dataclass(frozen=True)
class NewJob:
    training_file_id: UUID
    preset: str = "balanced"
    overrides: HyperparameterOverrides = field(default_factory=HyperparameterOverrides)
    name: str = ""
    description: str = ""
    notes: str = ""
    tags: tuple[str, ...] = ()
    client: str = ""
    project: str = ""
    gpu_type: GpuType | None = None
    pricing_tier: PricingTier = PricingTier.SPOT
    max_duration_s: int = 24 * 3600
    template_id: UUID | None = None


def new_job(values: Mapping[str, Any]) -> NewJob:
    """`values`: fields of NewJob. Raises InvalidValues without a training file."""
    if values.get("training_file_id") is None:
        raise InvalidValues([{"type": "missing", "loc": ("training_file_id",), "msg": "Field required"}])
    return NewJob(**values)


@dataclass(frozen=True)
class Retry:
    name: str = ""
    notes: str | None = None
    overrides: HyperparameterOverrides = field(default_factory=HyperparameterOverrides)
    apply_adjustments: bool = True
    pricing_tier: PricingTier | None = None
    max_duration_s: int | None = None
    # Whether all edits that the error catalogue suggests are applied, also those that cost more; otherwise only what
    # releases before changed by themselves.
    suggestions: bool = False


@dataclass(frozen=True)
class Defaults:
    """What a job gets where its user said nothing."""

    gpu_type: GpuType
    base_model: str


@dataclass(frozen=True)
class JobContext:
    """`rpc` asks cost_guard each time; `estimates` may answer from the last seconds."""

    database: Database
    rpc: RpcClient
    estimates: RpcClient
    clock: Clock
    defaults: Defaults
    queue_limits: QueueLimits = field(default_factory=QueueLimits)
    machines: Machines = field(default_factory=Machines)
