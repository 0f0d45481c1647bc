"""The training loop: a fixed number of steps, Muon for matrices, AdamW for embeddings and norms."""

import math
import time
from collections.abc import Callable
from itertools import chain

import torch
from torch import Tensor
from transformers import LlamaForCausalLM

from trainer_image.base_model.recipe import Recipe

PROGRESS_EVERY = 25


def optimizers(model: LlamaForCausalLM, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon learns about twice as much per token from so little text as AdamW does; it is for matrices only."""
    inner = list(model.model.layers.parameters())
    matrices = [parameter for parameter in inner if parameter.dim() == 2]
    vectors = [parameter for parameter in inner if parameter.dim() != 2]
    outer = chain(model.model.embed_tokens.parameters(), model.model.norm.parameters())
    return [
        torch.optim.Muon(matrices, lr=recipe.matrix_learning_rate, momentum=0.95, weight_decay=recipe.weight_decay),
        torch.optim.AdamW([*vectors, *outer], lr=recipe.vector_learning_rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def schedule(step: int, recipe: Recipe) -> float:
    """Share of the peak learning rate: linear warm-up, then a cosine down to a twentieth."""
    if step < recipe.warmup_steps:
        return (step + 1) / recipe.warmup_steps
    progress = (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress))


def layout(tokens: Tensor, step: int, recipe: Recipe) -> Tensor:
    """Short sequences first (cheap attention); the last steps use the full length, so that the model
    has seen every distance that its context allows."""
    if step >= recipe.steps - recipe.long_steps:
        return tokens.view(-1, min(recipe.context_length, len(tokens)))
    return tokens.view(-1, recipe.sequence_length)


def pretrain(model: LlamaForCausalLM, steps: Tensor, recipe: Recipe, announce: Callable[[str], None]) -> list[float]:
    """Train on `steps` (steps, tokens_per_step); returns the loss of each step in nats per token."""
    model.train()
    chosen = optimizers(model, recipe)
    peaks = [optimizer.param_groups[0]["lr"] for optimizer in chosen]
    losses: list[float] = []
    started = time.monotonic()
    for step, tokens in enumerate(steps):
        for optimizer, peak in zip(chosen, peaks, strict=True):
            optimizer.param_groups[0]["lr"] = peak * schedule(step, recipe)
        losses.append(train_step(model, chosen, layout(tokens, step, recipe)))
        if (step + 1) % PROGRESS_EVERY == 0 or step + 1 == recipe.steps:
            left = (time.monotonic() - started) / (step + 1) * (recipe.steps - step - 1)
            announce(f"  step {step + 1} of {recipe.steps}, loss {losses[-1]:.2f}, about {left:.0f} s left")
    return losses


def train_step(model: LlamaForCausalLM, chosen: list[torch.optim.Optimizer], batch: Tensor) -> float:
    loss = model(input_ids=batch, labels=batch).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in chosen:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return float(loss.detach())


def perplexity(model: LlamaForCausalLM, sequences: list[list[int]]) -> float:
    """Perplexity per token over whole sequences, weighted by their length."""
    model.eval()
    total = count = 0.0
    for sequence in sequences:
        batch = torch.tensor([sequence[: model.config.max_position_embeddings]])
        predicted = batch.shape[1] - 1
        with torch.no_grad():
            total += float(model(input_ids=batch, labels=batch).loss) * predicted
        count += predicted
    return math.exp(total / count)


def unigram_perplexity(training: Tensor, sequences: list[list[int]], vocabulary: int) -> float:
    """What token frequencies alone reach (add-one smoothed): the figure that a trained model must beat."""
    frequency = torch.bincount(training.flatten(), minlength=vocabulary).double() + 1
    surprise = -(frequency / frequency.sum()).log()
    tokens = torch.tensor([token for sequence in sequences for token in sequence[1:]])
    return math.exp(float(surprise[tokens].mean()))
