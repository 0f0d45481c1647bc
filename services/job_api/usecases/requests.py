"""What users ask for, as plain values."""

from dataclasses import dataclass, field
from uuid import UUID

from contracts.gpus import GpuType, PricingTier
from contracts.hyperparameters import HyperparameterOverrides


@dataclass(frozen=True)
class Caller:
    """Who asks, in which workspace."""

    subject: str
    workspace_id: UUID


@dataclass(frozen=True)
class NewJob:
    training_file_id: UUID
    preset: str = "balanced"
    overrides: HyperparameterOverrides = field(default_factory=HyperparameterOverrides)
    name: str = ""
    description: str = ""
    notes: str = ""
    tags: tuple[str, ...] = ()
    gpu_type: GpuType | None = None
    pricing_tier: PricingTier = PricingTier.SPOT
    max_duration_s: int = 24 * 3600


@dataclass(frozen=True)
class Retry:
    name: str = ""
    notes: str | None = None
    overrides: HyperparameterOverrides = field(default_factory=HyperparameterOverrides)
    apply_adjustments: bool = True
    pricing_tier: PricingTier | None = None


@dataclass(frozen=True)
class Defaults:
    """What a job gets where its user said nothing."""

    gpu_type: GpuType
    base_model: str
