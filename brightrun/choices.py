"""Options that several commands share: preset, machine, single values."""

import json
from enum import StrEnum
from typing import Annotated, Any

import typer

from brightrun.errors import BrightrunError
from contracts.gpus import GpuType, PricingTier
from contracts.hyperparameters import HyperparameterOverrides


class PresetName(StrEnum):
    CONSERVATIVE = "conservative"
    BALANCED = "balanced"
    AGGRESSIVE = "aggressive"


Preset = Annotated[
    PresetName | None,
    typer.Option(help="How much is learnt, and at what risk: the template's, or balanced, when absent."),
]
TemplateOption = Annotated[str, typer.Option("--template", help="Its name or id; what you say yourself wins.")]
Gpu = Annotated[GpuType | None, typer.Option(help="The machine; the server's default when absent.")]
Tier = Annotated[PricingTier | None, typer.Option(help="How its capacity is bought.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Replace one value of the preset.")
]


def overrides(pairs: list[str] | None) -> dict[str, Any]:
    """`["num_epochs=2"]` as values. Raises BrightrunError for a name that does not exist."""
    found = {}
    for pair in pairs or []:
        name, separator, value = pair.partition("=")
        if not separator or name not in HyperparameterOverrides.model_fields:
            known = ", ".join(HyperparameterOverrides.model_fields)
            raise BrightrunError(f"--set {pair}: there is no such value.", f"Write NAME=VALUE with one of: {known}.")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found
