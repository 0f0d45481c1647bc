"""What is asked of a job under way, or of one that ended too early."""

from typing import Annotated

from pydantic import Field

from contracts.gpus import GpuType, PricingTier
from contracts.hyperparameters import HyperparameterOverrides
from services.job_api.edge.fields import Body, Name, PlainText
from services.job_api.edge.json_types import JsonTypes

Reason = Annotated[PlainText, Field(max_length=500)]


class CancelJob(Body):
    reason: Reason = ""


class PauseJob(Body):
    reason: Reason = ""


class ResumeJob(Body):
    gpu_pricing_tier: PricingTier | None = Field(default=None, description="Another tier from here on.")


class ChangeTier(Body):
    pricing_tier: PricingTier
    reason: Reason = ""


class ContinuedHyperparameters(HyperparameterOverrides, JsonTypes):
    """learning_rate, per_device_train_batch_size and gradient_accumulation_steps; the rest lies in the checkpoint."""


class ContinueJob(Body):
    name: Name = ""
    hyperparameters: ContinuedHyperparameters = Field(default_factory=ContinuedHyperparameters)
    remaining_epochs: int | None = Field(
        default=None, ge=1, le=50, description="From the epoch on in which the checkpoint lies; as before when absent.")
    gpu_pricing_tier: PricingTier | None = None
    gpu_type: GpuType | None = None
    start: bool = False
