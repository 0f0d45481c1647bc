"""A checkpoint belongs to one recipe, the base model's commit included."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from contracts.pod_environment import PodSpec
from contracts.presets import PRESETS
from trainer_image.hub import BaseModelFiles
from trainer_image.resume import Unusable, check_recipe, recipe


def recipe_at(revision: str | None) -> dict[str, object]:
    spec = PodSpec(job_id=uuid4(), workspace_id=uuid4(), attempt=1, pod_name="p", nats_url="nats://127.0.0.1:1",
                   base_model="acme/tiny", hyperparameters=PRESETS["balanced"].hyperparameters,
                   training_file_sha256="0", max_duration_s=60)
    return recipe(spec, BaseModelFiles("acme/tiny", Path("/cache"), "acme/tiny", revision))


def write(folder: Path, content: dict[str, object]) -> None:
    (folder / "recipe.json").write_text(json.dumps(content))
    (folder / "trainer_state.json").write_text('{"global_step": 3}')


def test_another_commit_of_the_base_does_not_fit(tmp_path: Path) -> None:
    write(tmp_path, recipe_at("abc"))
    check_recipe(tmp_path, recipe_at("abc"))
    with pytest.raises(Unusable, match="base_model_revision"):
        check_recipe(tmp_path, recipe_at("def"))


def test_a_checkpoint_from_before_the_commit_was_recorded_still_fits(tmp_path: Path) -> None:
    older = recipe_at("abc")
    del older["base_model_revision"]
    write(tmp_path, older)
    check_recipe(tmp_path, recipe_at("abc"))
