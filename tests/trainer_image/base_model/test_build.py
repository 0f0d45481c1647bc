"""The built folder is an ordinary model folder with honest figures."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.trainer_image.base_model.conftest import TOY
from trainer_image.base_model import build_base_model
from trainer_image.base_model.network import create_model, fold_width_factor
from trainer_image.base_model.recipe import Recipe


def manifest_of(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def test_the_folder_loads_offline_as_a_llama_model(toy_model_folder: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(toy_model_folder, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(toy_model_folder, local_files_only=True)
    assert model.config.architectures == ["LlamaForCausalLM"]
    assert model.config.max_position_embeddings == tokenizer.model_max_length == 4096
    assert model.config.vocab_size == len(tokenizer)
    assert tokenizer.convert_tokens_to_ids("<|eot_id|>") in model.generation_config.eos_token_id


def test_the_manifest_says_what_was_built(toy_model_folder: Path) -> None:
    manifest = manifest_of(toy_model_folder)
    assert manifest["seed"] == TOY.seed
    assert manifest["steps"] == TOY.steps
    assert manifest["tokens"] == TOY.steps * TOY.tokens_per_step
    assert manifest["parameters"] > 0
    assert manifest["final_loss"] < 8
    weights = (toy_model_folder / "model.safetensors").read_bytes()
    assert manifest["weights_sha256"] == hashlib.sha256(weights).hexdigest()


def test_the_weights_are_stored_in_half_precision(toy_model_folder: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(toy_model_folder, dtype="auto")
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float16}


def test_even_a_dozen_steps_beat_guessing(toy_model_folder: Path) -> None:
    figures = manifest_of(toy_model_folder)["held_out"]["authored"]
    assert figures["conversations"] >= 5
    assert figures["perplexity"] < TOY.vocab_size / 1.5


@pytest.mark.slow
def test_the_same_recipe_gives_the_same_weights(toy_model_folder: Path, tmp_path: Path) -> None:
    again = build_base_model(tmp_path / "again", recipe=TOY)
    assert (again / "model.safetensors").read_bytes() == (toy_model_folder / "model.safetensors").read_bytes()


@pytest.mark.slow
def test_a_build_takes_the_place_of_the_one_before(toy_model_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "base"
    shutil.copytree(toy_model_folder, folder)
    (folder / "leftover.txt").touch()
    build_base_model(folder, recipe=TOY)
    assert not (folder / "leftover.txt").exists()
    assert (folder / "model.safetensors").is_file()
    assert not list(tmp_path.glob("*.building-*"))


def test_folding_the_width_factor_keeps_the_outputs(toy_model_folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(toy_model_folder)
    torch.manual_seed(0)
    model = create_model(TOY, tokenizer).eval()
    tokens = torch.arange(32)[None]
    with torch.no_grad():
        before = model(tokens).logits
        fold_width_factor(model, 16.0)
        after = model(tokens).logits
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)


def test_sizes_that_four_bit_blocks_cannot_hold_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 64"):
        Recipe(hidden_size=100)
