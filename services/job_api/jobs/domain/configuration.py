"""What a job is told to do: a preset, the values that replace its own, and where it runs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from contracts.error_catalogue import SuggestedEdit
from contracts.error_taxonomy import TrainingErrorType, retry_adjustments
from contracts.gpus import GpuType, PricingTier
from contracts.hyperparameters import Hyperparameters
from contracts.presets import PRESETS

_PRESET_VALUES: dict[str, dict[str, Any]] = {
    name: preset.hyperparameters.model_dump(mode="json") for name, preset in PRESETS.items()
}


@dataclass(frozen=True)
class Configuration:
    """Everything that decides what a run does and what it costs, apart from the data."""

    preset: str
    hyperparameters: Hyperparameters
    base_model: str
    gpu_type: GpuType
    pricing_tier: PricingTier
    max_duration_s: int

    def as_json(self) -> dict[str, Any]:
        """The product's `configuration` column."""
        return {
            "preset": self.preset,
            "hyperparameters": self.hyperparameters.model_dump(mode="json"),
            "base_model": self.base_model,
            "gpu_type": self.gpu_type.value,
            "gpu_pricing_tier": self.pricing_tier.value,
            "max_duration_s": self.max_duration_s,
        }

    def values(self) -> dict[str, Any]:
        """What can be changed from one try to the next, by its name."""
        return {**self.hyperparameters.model_dump(mode="json"), "gpu_type": self.gpu_type.value,
                "gpu_pricing_tier": self.pricing_tier.value, "max_duration_s": self.max_duration_s}


def differences_from_preset(preset: str, hyperparameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every value that is not the preset's: `{field, preset_value, value}` in the preset's field order."""
    return [
        {"field": field, "preset_value": expected, "value": hyperparameters.get(field)}
        for field, expected in _PRESET_VALUES.get(preset, {}).items()
        if hyperparameters.get(field) != expected
    ]


def changes(before: Configuration, after: Configuration) -> list[dict[str, Any]]:
    """What a retry does differently, field by field: `{field, from, to}`."""
    old, new = before.values(), after.values()
    return [{"field": name, "from": old[name], "to": new[name]} for name in old if old[name] != new[name]]


def edited(configuration: Configuration, edits: Iterable[SuggestedEdit]) -> Configuration:
    """The configuration with these edits, which name hyperparameters or one of the values beside them."""
    changed = {edit.field: edit.after for edit in edits}
    inner = {name: changed.pop(name) for name in list(changed) if name in Hyperparameters.model_fields}
    values = Hyperparameters.model_validate(configuration.hyperparameters.model_dump() | inner)
    return replace(
        configuration, hyperparameters=values,
        pricing_tier=PricingTier(changed.get("gpu_pricing_tier", configuration.pricing_tier)),
        max_duration_s=changed.get("max_duration_s", configuration.max_duration_s))


def adjusted(hyperparameters: Hyperparameters, error_type: TrainingErrorType | None) -> Hyperparameters:
    """The hyperparameters with the change that answers this error, where there is one."""
    values = hyperparameters.model_dump()
    remedy = retry_adjustments(error_type, values) if error_type else {}
    return Hyperparameters.model_validate(values | remedy)
