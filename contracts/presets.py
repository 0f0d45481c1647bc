"""The three hyperparameter presets and how single values override them."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from contracts.hyperparameters import HyperparameterOverrides, Hyperparameters


class Preset(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    title: str
    explanation: str
    best_for: tuple[str, ...]
    hyperparameters: Hyperparameters


class ConfigurationDifference(BaseModel):
    """One value that differs from the preset."""

    model_config = ConfigDict(frozen=True)

    field: str
    preset_value: Any
    value: Any


def _preset(
    name: str,
    explanation: str,
    best_for: tuple[str, ...],
    *,
    rank: int,
    learning_rate: float,
    epochs: int,
    batch: int,
    accumulation: int,
) -> Preset:
    # alpha = 2r keeps the adapter's scale (alpha / r) the same in all three, so that a preset differs
    # from another only in what its explanation says.
    return Preset(
        name=name,
        title=name.capitalize(),
        explanation=explanation,
        best_for=best_for,
        hyperparameters=Hyperparameters(
            lora_rank=rank,
            lora_alpha=2 * rank,
            learning_rate=learning_rate,
            num_epochs=epochs,
            per_device_train_batch_size=batch,
            gradient_accumulation_steps=accumulation,
        ),
    )


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        _preset(
            "conservative",
            "A small adapter, gentle steps and two passes over the data. It changes the model least: the "
            "cheapest run and the lowest risk of forgetting what the base model knows.",
            ("first training run on a dataset", "high-quality seed datasets", "risk-averse clients"),
            rank=8,
            learning_rate=1e-4,
            epochs=2,
            batch=4,
            accumulation=1,
        ),
        _preset(
            "balanced",
            "A medium adapter and three passes over the data. The proven middle between how much is learnt and "
            "what it costs; start here unless you know why not.",
            ("production models", "proven configurations", "most use cases"),
            rank=16,
            learning_rate=2e-4,
            epochs=3,
            batch=2,
            accumulation=2,
        ),
        _preset(
            "aggressive",
            "A large adapter, large steps and four passes over the data. It learns most, costs most, and needs "
            "the closest look at the validation loss: when that rises, the model has begun to memorise.",
            ("complex datasets", "experiments", "when quality matters more than cost"),
            rank=32,
            learning_rate=3e-4,
            epochs=4,
            batch=1,
            accumulation=4,
        ),
    )
}


def resolve(preset_name: str, overrides: HyperparameterOverrides | None = None) -> Hyperparameters:
    """The preset's values with the overrides put over them, validated as a whole.

    Raises KeyError for an unknown preset and pydantic.ValidationError for a value outside its limits.
    A lora_rank given without lora_alpha keeps the preset's alpha / r.
    """
    preset = PRESETS[preset_name].hyperparameters
    changes = (overrides or HyperparameterOverrides()).model_dump(exclude_none=True)
    if "lora_rank" in changes and "lora_alpha" not in changes:
        changes["lora_alpha"] = max(1, changes["lora_rank"] * preset.lora_alpha // preset.lora_rank)
    return Hyperparameters.model_validate(preset.model_dump() | changes)


def differences(preset_name: str, hyperparameters: Hyperparameters) -> tuple[ConfigurationDifference, ...]:
    """Every value that is not the preset's, in the model's field order."""
    preset = PRESETS[preset_name].hyperparameters
    return tuple(
        ConfigurationDifference(field=name, preset_value=getattr(preset, name), value=getattr(hyperparameters, name))
        for name in Hyperparameters.model_fields
        if getattr(preset, name) != getattr(hyperparameters, name)
    )
