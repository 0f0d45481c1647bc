"""Builds the base model: tokenizer, training, figures, folder."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import transformers
from torch import Tensor
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils import logging

from trainer_image.base_model.folder import MANIFEST
from trainer_image.base_model.ingredients import ingredients_sha256
from trainer_image.base_model.network import create_model, fold_width_factor
from trainer_image.base_model.pretrain import perplexity, pretrain, unigram_perplexity
from trainer_image.base_model.recipe import Recipe
from trainer_image.base_model.tokenizer import train_tokenizer
from trainer_image.base_model.tokens import (
    encode,
    held_out_conversations,
    plain_text,
    token_steps,
    training_documents,
)

WEIGHTS = "model.safetensors"


def build(folder: Path, recipe: Recipe, announce: Callable[[str], None]) -> None:
    """Train and write a complete model folder in half precision; the manifest is written last."""
    started = time.monotonic()
    use_all_cores()
    torch.manual_seed(recipe.seed)
    announce("Building the local base model (a few minutes on two free cores).")
    documents = training_documents(recipe)
    tokenizer = train_tokenizer(map(plain_text, documents), recipe)
    steps = token_steps(documents, tokenizer, recipe)
    model = create_model(recipe, tokenizer)
    announce(f"  {model.num_parameters():,} parameters, {steps.numel():,} tokens of general chat")
    losses = pretrain(model, steps, recipe, announce)
    fold_width_factor(model, recipe.width_factor)
    with quiet_transformers():
        save(folder, model.half(), tokenizer)
    figures = measure(model.float(), tokenizer, steps, recipe)
    announce(
        f"  perplexity on unseen chats {figures['authored']['perplexity']:.0f} "
        f"(word frequencies alone: {figures['authored']['unigram_perplexity']:.0f})"
    )
    manifest = provenance(recipe) | {
        "weights_sha256": hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest(),
        "tokens": steps.numel(),
        "parameters": model.num_parameters(),
        "final_loss": round(sum(losses[-10:]) / len(losses[-10:]), 4),
        "held_out": figures,
        "build_seconds": round(time.monotonic() - started, 1),
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")


def provenance(recipe: Recipe) -> dict[str, object]:
    return {
        "name": recipe.name,
        "ingredients_sha256": ingredients_sha256(recipe),
        "dtype": "float16",
        "seed": recipe.seed,
        "steps": recipe.steps,
        "recipe": recipe.as_dict(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """No log lines and progress bars of the library among ours."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.enable_progress_bar()
        logging.set_verbosity(verbosity)


def use_all_cores() -> None:
    torch.set_num_threads(len(os.sched_getaffinity(0)))


def measure(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, steps: Tensor, recipe: Recipe
) -> dict[str, dict[str, float]]:
    """Perplexity on chats never trained on, beside the unigram figure on the same chats."""
    figures = {}
    for name, chats in held_out_conversations(recipe).items():
        sequences = [encode(chat, tokenizer) for chat in chats]
        figures[name] = {
            "conversations": len(chats),
            "perplexity": round(perplexity(model, sequences), 2),
            "unigram_perplexity": round(unigram_perplexity(steps, sequences, len(tokenizer)), 2),
        }
    return figures


def save(folder: Path, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    folder.mkdir(parents=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
