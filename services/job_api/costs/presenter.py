"""Amounts as the API shows them: dollars for people, micro-dollars for arithmetic."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from contracts.hyperparameter_guide import guides
from contracts.presets import PRESETS
from contracts.rpc.costs import BudgetView, Estimate, GpuRate, Range
from services.job_api.amounts import dollars
from services.job_api.costs.warnings import warnings
from services.job_api.jobs.domain.configuration import Configuration, differences_from_preset


def budget(view: BudgetView) -> dict[str, Any]:
    shown: dict[str, Any] = {"object": "budget", "month": view.month}
    for name in ("limit", "spent", "reserved", "available"):
        amount = getattr(view, f"{name}_micro_usd")
        shown |= {name: dollars(amount), f"{name}_micro_usd": amount}
    return shown


def amounts(range_: Range) -> dict[str, Any]:
    bounds = range_.model_dump()
    return {name: dollars(amount) for name, amount in bounds.items()} | {
        f"{name}_micro_usd": amount for name, amount in bounds.items()}


_PARTS = {"start": "Machine, image and base model", "training": "Training and its evaluations",
          "finish": "Saving the results"}


def estimate(training_file_id: UUID, configuration: Configuration, found: Estimate) -> dict[str, Any]:
    values = configuration.hyperparameters.model_dump(mode="json")
    plain = found.model_dump(mode="json", include={
        "total_training_tokens", "total_steps", "throughput_tokens_per_s", "based_on_runs", "explanation",
        "rate_micro_usd_per_hour", "rate_source", "gpu_model", "duration", "allowed_to_proceed"})
    return plain | {
        "object": "cost_estimate", "training_file_id": training_file_id, "preset": configuration.preset,
        "hyperparameters": values, "differences_from_preset": differences_from_preset(configuration.preset, values),
        "gpu_type": found.gpu_type, "gpu_pricing_tier": found.pricing_tier, "cost": amounts(found.cost_micro_usd),
        "rate_per_hour": dollars(found.rate_micro_usd_per_hour), "budget": budget(found.budget),
        "tiers": [{
            "gpu_pricing_tier": tier.pricing_tier, "rate_per_hour": dollars(tier.rate_micro_usd_per_hour),
            "rate_micro_usd_per_hour": tier.rate_micro_usd_per_hour, "rate_source": tier.rate_source.value,
            "gpu_model": tier.gpu_model, "cost": amounts(tier.cost_micro_usd),
        } for tier in found.tiers],
        "parts": [{
            "name": part.name, "title": _PARTS.get(part.name, part.name), "stages": part.stages,
            "expected_s": part.expected_s, "cost": dollars(part.cost_micro_usd), "cost_micro_usd": part.cost_micro_usd,
        } for part in found.parts],
        "warnings": [asdict(warning) for warning in warnings(found)],
    }


def rate(found: GpuRate) -> dict[str, Any]:
    return {"object": "gpu_rate", "gpu_type": found.gpu_type, "gpu_pricing_tier": found.pricing_tier,
            "per_hour": dollars(found.micro_usd_per_hour), "micro_usd_per_hour": found.micro_usd_per_hour,
            "valid_from": found.valid_from}


def presets() -> list[dict[str, Any]]:
    return [{"object": "preset", **preset.model_dump(mode="json")} for preset in PRESETS.values()]


def hyperparameters() -> list[dict[str, Any]]:
    return [guide._asdict() for guide in guides()]
