"""What a training run can be told, and its limits."""

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

LinearLayer = Literal["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
LLAMA_LINEAR_LAYERS: tuple[LinearLayer, ...] = get_args(LinearLayer)


class Hyperparameters(BaseModel):
    """QLoRA hyperparameters; the limits are those at which a run on one 80 GB GPU still makes sense."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lora_rank: int = Field(ge=1, le=256, description="Rank r of the adapter matrices.")
    lora_alpha: int = Field(ge=1, le=1024, description="Scale of the adapter; the update is multiplied by alpha / r.")
    lora_dropout: float = Field(ge=0.0, le=0.5, default=0.05)
    target_modules: tuple[str, ...] = Field(default=LLAMA_LINEAR_LAYERS, min_length=1)
    learning_rate: float = Field(gt=0.0, le=0.01)
    num_epochs: int = Field(ge=1, le=50)
    per_device_train_batch_size: int = Field(ge=1, le=64)
    gradient_accumulation_steps: int = Field(ge=1, le=128)
    warmup_ratio: float = Field(ge=0.0, le=0.5, default=0.03)
    weight_decay: float = Field(ge=0.0, le=1.0, default=0.0)
    max_grad_norm: float = Field(gt=0.0, le=10.0, default=1.0)
    lr_scheduler_type: str = Field(pattern="^(cosine|linear|constant)$", default="cosine")
    max_seq_length: int = Field(ge=128, le=32_768, default=4096, description="Tokens of one whole conversation.")
    validation_fraction: float = Field(gt=0.0, le=0.5, default=0.2, description="Share of conversations held out.")
    seed: int = Field(ge=0, le=2**31 - 1, default=42)

    @field_validator("target_modules")
    @classmethod
    def _known_modules(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(value) - set(LLAMA_LINEAR_LAYERS))
        if unknown:
            raise ValueError(f"unknown target modules {unknown}; choose from {list(LLAMA_LINEAR_LAYERS)}")
        return value


class HyperparameterOverrides(BaseModel):
    """Single values that replace those of a preset. The limits are those of `Hyperparameters`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lora_rank: int | None = Field(default=None, ge=1, le=256)
    lora_alpha: int | None = Field(default=None, ge=1, le=1024)
    lora_dropout: float | None = Field(default=None, ge=0.0, le=0.5)
    target_modules: tuple[LinearLayer, ...] | None = Field(default=None, min_length=1)
    learning_rate: float | None = Field(default=None, gt=0.0, le=0.01)
    num_epochs: int | None = Field(default=None, ge=1, le=50)
    per_device_train_batch_size: int | None = Field(default=None, ge=1, le=64)
    gradient_accumulation_steps: int | None = Field(default=None, ge=1, le=128)
    warmup_ratio: float | None = Field(default=None, ge=0.0, le=0.5)
    weight_decay: float | None = Field(default=None, ge=0.0, le=1.0)
    max_grad_norm: float | None = Field(default=None, gt=0.0, le=10.0)
    lr_scheduler_type: Literal["cosine", "linear", "constant"] | None = None
    max_seq_length: int | None = Field(default=None, ge=128, le=32_768)
    validation_fraction: float | None = Field(default=None, gt=0.0, le=0.5)
    seed: int | None = Field(default=None, ge=0, le=2**31 - 1)
