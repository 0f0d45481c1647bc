"""Finding the model built is quick, and nothing foreign is ever overwritten."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from trainer_image.base_model import BaseModelError, content_hash, ensure_base_model, is_current
from trainer_image.base_model.cache import REQUIRED_FILES
from trainer_image.base_model.recipe import RECIPE

ROOT = Path(__file__).parents[3]


def pretend_built(folder: Path) -> None:
    """What the cache looks at: the files and a manifest with the current hash."""
    folder.mkdir(parents=True)
    for name in REQUIRED_FILES:
        (folder / name).touch()
    (folder / "manifest.json").write_text(json.dumps({"content_hash": content_hash()}))


def test_another_recipe_has_another_hash() -> None:
    assert content_hash() == content_hash()
    assert content_hash(replace(RECIPE, seed=RECIPE.seed + 1)) != content_hash()


def test_a_folder_of_another_hash_is_not_current(tmp_path: Path) -> None:
    pretend_built(tmp_path / "base")
    assert is_current(tmp_path / "base")
    (tmp_path / "base" / "manifest.json").write_text('{"content_hash": "older"}')
    assert not is_current(tmp_path / "base")


@pytest.mark.parametrize("broken", ["", "[]", "{"])
def test_an_unreadable_manifest_is_not_current(tmp_path: Path, broken: str) -> None:
    pretend_built(tmp_path / "base")
    (tmp_path / "base" / "manifest.json").write_text(broken)
    assert not is_current(tmp_path / "base")


def test_a_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(BaseModelError, match="BRIGHTRUN_BASE_MODEL_DIR"):
        ensure_base_model(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_the_command_finds_a_built_model_without_torch(tmp_path: Path) -> None:
    pretend_built(tmp_path / "base")
    program = (
        "import sys, runpy\n"
        "try: runpy.run_module('trainer_image.base_model', run_name='__main__')\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules"
    )
    environment = {"BRIGHTRUN_BASE_MODEL_DIR": str(tmp_path / "base"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "up to date" in done.stdout


def test_the_command_reports_a_foreign_folder_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    environment = {"BRIGHTRUN_BASE_MODEL_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "trainer_image.base_model"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
