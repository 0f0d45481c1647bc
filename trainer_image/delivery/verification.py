"""Proves that the files are the model: loaded from disk into fresh tensors, they must answer alike."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from trainer_image.data import Sample
from trainer_image.errors import DeliveryError
from trainer_image.evaluation import evaluating, negative_log_likelihood

_DELIVERED = "delivered"
# Nats per token. The same float32 weights give the same sums; a wrong scale or a missing layer is far beyond.
_TOLERANCE = 1e-3
_PROMPTS, _ANSWER_TOKENS, _LONGEST_PROMPT = 3, 32, 1024


@contextmanager
def reloaded(model: Any, folder: Path) -> Iterator[None]:
    """The adapter as it lies on disk, in place of the trained one; the 4-bit base in memory serves both."""
    trained = model.active_adapter
    model.load_adapter(str(folder), adapter_name=_DELIVERED, is_trainable=False)
    try:
        model.set_adapter(_DELIVERED)
        yield
    finally:
        model.set_adapter(trained)
        model.delete_adapter(_DELIVERED)


def verify(model: Any, folder: Path, samples: Sequence[Sample]) -> dict[str, float]:
    """Loss per token of the trained adapter, the delivered one and the base on one conversation.

    Raises DeliveryError when the delivered one differs from the trained one, or does not differ from the base.
    """
    sample = min(samples, key=lambda candidate: len(candidate.input_ids))
    trained = _loss(model, sample)
    with model.disable_adapter():
        base = _loss(model, sample)
    with reloaded(model, folder):
        delivered = _loss(model, sample)
    figures = {"trained_loss": trained, "delivered_loss": delivered, "base_loss": base}
    if not abs(trained - delivered) <= _TOLERANCE:
        raise DeliveryError(f"The adapter on disk has loss {delivered:.4f}, the trained one {trained:.4f}.", **figures)
    if delivered == base:
        raise DeliveryError(f"The adapter changes nothing: loss {base:.4f} with and without it.", **figures)
    return figures


def _loss(model: Any, sample: Sample) -> float:
    with evaluating(model):
        return negative_log_likelihood(model, sample) / max(1, sample.learnt_tokens)


def golden_outputs(model: Any, tokenizer: Any, folder: Path, samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """Greedy answers of the delivered adapter and of the base to a few openings: `self_test.py` compares them."""
    golden = []
    for sample in [sample for sample in samples if len(sample.prompt) <= _LONGEST_PROMPT][:_PROMPTS]:
        with model.disable_adapter():
            base = _answer(model, tokenizer, sample.prompt)
        with reloaded(model, folder):
            answer = _answer(model, tokenizer, sample.prompt)
        golden.append({
            "conversation": sample.key, "prompt_ids": list(sample.prompt), "answer_ids": answer,
            "base_answer_ids": base, "answer": tokenizer.decode(answer, skip_special_tokens=True),
            "base_answer": tokenizer.decode(base, skip_special_tokens=True),
        })
    return golden


def _answer(model: Any, tokenizer: Any, prompt: Sequence[int]) -> list[int]:
    device = next(model.parameters()).device
    ids = torch.tensor([list(prompt)], device=device)
    with evaluating(model):
        output = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=_ANSWER_TOKENS, do_sample=False,
            temperature=None, top_p=None, top_k=None, use_cache=True, pad_token_id=tokenizer.pad_token_id,
        )
    return [int(token) for token in output[0, len(prompt):]]
