"""What a request and a template make together, and who may change what."""

from __future__ import annotations

from uuid import uuid4

import pytest

from contracts.gpus import GpuType, PricingTier
from contracts.hyperparameters import HyperparameterOverrides
from contracts.presets import resolve
from services.job_api.templates.domain.built_in import BUILT_IN, built_in
from services.job_api.templates.domain.template import (
    Template,
    TemplateAction,
    Viewer,
    Visibility,
    allowed_actions,
    job_values,
)
from services.job_api.templates.domain.usage import Usage

MINE = Template(
    uuid4(), "Mine", "", Visibility.PRIVATE, "conservative",
    HyperparameterOverrides(lora_rank=24, lora_alpha=96, num_epochs=5), gpu_type=GpuType.LOCAL,
    pricing_tier=PricingTier.ON_DEMAND, max_duration_s=3600, training_file_id=uuid4(), notes="n", tags=("a", "b"),
    client="Acme", project="Pilot", created_by="ada")


def overrides(given: dict[str, object]) -> HyperparameterOverrides:
    return job_values(MINE, given)["overrides"]


def test_what_is_not_said_comes_from_the_template() -> None:
    assert job_values(MINE, {}) == {
        "training_file_id": MINE.training_file_id, "preset": "conservative", "gpu_type": GpuType.LOCAL,
        "pricing_tier": PricingTier.ON_DEMAND, "max_duration_s": 3600, "notes": "n", "tags": ("a", "b"),
        "client": "Acme", "project": "Pilot", "template_id": MINE.id, "overrides": MINE.hyperparameters}


def test_what_is_said_wins_also_when_it_is_nothing() -> None:
    said = {"gpu_type": None, "notes": "", "tags": (), "name": "x", "pricing_tier": PricingTier.SPOT}
    values = job_values(MINE, said)
    assert {name: values[name] for name in said} == said
    assert values["client"] == "Acme"


def test_single_values_are_put_over_the_templates_own() -> None:
    found = overrides({"overrides": HyperparameterOverrides(num_epochs=1)})
    assert found.model_dump(exclude_none=True) == {"lora_rank": 24, "lora_alpha": 96, "num_epochs": 1}


@pytest.mark.parametrize(("rank", "alpha"), [(48, 192), (12, 48)])
def test_a_rank_without_alpha_keeps_the_templates_scale(rank: int, alpha: int) -> None:
    assert overrides({"overrides": HyperparameterOverrides(lora_rank=rank)}).lora_alpha == alpha
    assert overrides({"overrides": HyperparameterOverrides(lora_rank=rank, lora_alpha=7)}).lora_alpha == 7


def test_another_preset_comes_with_its_own_values() -> None:
    said = HyperparameterOverrides(seed=7)
    assert overrides({"preset": "aggressive", "overrides": said}) == said
    assert overrides({"preset": "aggressive"}) == HyperparameterOverrides()
    assert overrides({"preset": "conservative"}) == MINE.hyperparameters


@pytest.mark.parametrize("template", BUILT_IN, ids=lambda template: template.name)
def test_the_products_own_are_valid_and_nobodys_to_change(template: Template) -> None:
    resolve(template.preset, template.hyperparameters)
    assert built_in(template.id) is template
    assert allowed_actions(template, Viewer("ada", engineer=True, admin=True)) == (TemplateAction.USE,)


def test_there_are_three_of_the_product() -> None:
    assert [template.name for template in BUILT_IN] == ["Quick test", "Standard production", "Maximum quality"]
    assert len({template.id for template in BUILT_IN}) == 3


@pytest.mark.parametrize(("viewer", "expected"), [
    (Viewer("ada", engineer=True, admin=False), 3), (Viewer("bob", engineer=True, admin=False), 1),
    (Viewer("bob", engineer=True, admin=True), 3), (Viewer("ada", engineer=False, admin=False), 0)])
def test_its_maker_and_admins_change_it(viewer: Viewer, expected: int) -> None:
    assert len(allowed_actions(MINE, viewer)) == expected


def test_what_was_never_ended_has_no_success_rate() -> None:
    assert Usage(jobs=2).success_rate is None
    assert Usage(jobs=5, ended=3, completed=2).success_rate == 0.6667
