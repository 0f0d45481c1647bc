"""The model in the repository: complete, small, of this very recipe, and as good as a fresh build of it."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from contracts.local_base_model import SHIPPED_BASE_MODEL
from trainer_image.base_model import build_base_model
from trainer_image.base_model.ingredients import ingredients_sha256
from trainer_image.base_model.pretrain import perplexity
from trainer_image.base_model.recipe import RECIPE
from trainer_image.base_model.tokens import encode, held_out_conversations

MANIFEST = json.loads((SHIPPED_BASE_MODEL / "manifest.json").read_text())
# Between machines, sums that are rounded in another order move the perplexity by about 1 %.
TOLERANCE = 0.05


def test_it_is_small_and_whole() -> None:
    files = [path for path in SHIPPED_BASE_MODEL.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 4_000_000
    assert {path.name for path in files} >= {
        "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
        "chat_template.jinja", "manifest.json", "README.md"}
    weights = (SHIPPED_BASE_MODEL / "model.safetensors").read_bytes()
    assert hashlib.sha256(weights).hexdigest() == MANIFEST["weights_sha256"]


def test_it_is_of_this_recipe_and_this_corpus() -> None:
    """After a change of either: build again and put the result in its place (see the package's README)."""
    assert MANIFEST["ingredients_sha256"] == ingredients_sha256(RECIPE)


@pytest.mark.parametrize("chats", ["authored", "composed"])
def test_its_perplexity_is_the_one_on_record(chats: str) -> None:
    model = AutoModelForCausalLM.from_pretrained(SHIPPED_BASE_MODEL, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(SHIPPED_BASE_MODEL)
    found = perplexity(model, [encode(chat, tokenizer) for chat in held_out_conversations(RECIPE)[chats]])
    assert found == pytest.approx(MANIFEST["held_out"][chats]["perplexity"], rel=0.01)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_recipe_still_gives_a_model_as_good(tmp_path: Path) -> None:
    built = json.loads((build_base_model(tmp_path / "built") / "manifest.json").read_text())["held_out"]
    for chats, shipped in MANIFEST["held_out"].items():
        assert built[chats]["perplexity"] == pytest.approx(shipped["perplexity"], rel=TOLERANCE)
