"""What makes a delivery an adapter."""

from typing import Literal

from contracts.events import TrainingCompleted

WeightsFormat = Literal["safetensors", "bin"]
WEIGHTS: dict[WeightsFormat, str] = {"safetensors": "adapter_model.safetensors", "bin": "adapter_model.bin"}


def has_adapter(completed: TrainingCompleted) -> bool:
    """Whether its files hold weights; without them there is nothing to deliver, whatever else was uploaded."""
    return any(file.path.rpartition("/")[2] in WEIGHTS.values() for file in completed.artifacts)
