"""A build takes its place only when it is complete, and nothing foreign is ever overwritten."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.trainer_image.base_model.conftest import TOY
from trainer_image.base_model import BaseModelError, build_base_model
from trainer_image.base_model.ingredients import ingredients_sha256

ROOT = Path(__file__).parents[3]


def test_another_recipe_has_another_hash() -> None:
    assert ingredients_sha256(TOY) == ingredients_sha256(TOY)
    assert ingredients_sha256(replace(TOY, seed=TOY.seed + 1)) != ingredients_sha256(TOY)


def test_a_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(BaseModelError, match="Name another folder"):
        build_base_model(tmp_path, recipe=TOY)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_model_that_cannot_be_built_leaves_the_one_before(tmp_path: Path) -> None:
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")

    def interrupted(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_base_model(folder, recipe=TOY, announce=interrupted)
    assert (folder / "manifest.json").read_text() == "{}"
    assert [path.name for path in tmp_path.iterdir()] == ["base"]


def test_the_command_refuses_a_foreign_folder_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    command = [sys.executable, "-m", "trainer_image.base_model", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
