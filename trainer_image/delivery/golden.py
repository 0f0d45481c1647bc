"""What the delivered adapter answers, on record: `self_test.py` compares, on whatever machine it runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from trainer_image.data import Sample
from trainer_image.delivery.verification import reloaded
from trainer_image.evaluation import evaluating, negative_log_likelihood

_PROMPTS, _ANSWER_TOKENS, _LONGEST_PROMPT = 3, 32, 1024
# Nats per token over all answers. Processors differ by hundredths (measured: docs/decisions/0014); an adapter that is
# not there differs by what it has learnt, one on another base by whole nats.
_LEAST_TOLERANCE, _LARGEST_TOLERANCE = 0.02, 0.1


def golden_outputs(model: Any, tokenizer: Any, folder: Path, samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """Greedy answers of the delivered adapter and of the base to a few openings, and how likely each model finds
    the adapter's (`..._nll`: summed over the answer, in nats)."""
    golden = []
    for sample in [sample for sample in samples if len(sample.prompt) <= _LONGEST_PROMPT][:_PROMPTS]:
        with reloaded(model, folder):
            answer = _answer(model, tokenizer, sample.prompt)
            answer_nll = _surprise(model, sample, answer)
        with model.disable_adapter():
            base = _answer(model, tokenizer, sample.prompt)
            base_answer_nll = _surprise(model, sample, answer)
        golden.append({
            "conversation": sample.key, "prompt_ids": list(sample.prompt), "answer_ids": answer,
            "base_answer_ids": base, "answer": tokenizer.decode(answer, skip_special_tokens=True),
            "base_answer": tokenizer.decode(base, skip_special_tokens=True),
            "answer_nll": answer_nll, "base_answer_nll": base_answer_nll,
        })
    return golden


def tolerance(golden: Sequence[dict[str, Any]]) -> float:
    """How far the likelihood may be from the recorded one, in nats per token: half of the way to the base's, so that
    an adapter that is not applied never passes, within bounds."""
    tokens = sum(len(item["answer_ids"]) for item in golden)
    if not tokens:
        return _LEAST_TOLERANCE
    learnt = sum(item["base_answer_nll"] - item["answer_nll"] for item in golden) / tokens
    return max(_LEAST_TOLERANCE, min(_LARGEST_TOLERANCE, abs(learnt) / 2))


def _surprise(model: Any, sample: Sample, answer: list[int]) -> float:
    ids, context = [*sample.prompt, *answer], len(sample.prompt)
    with evaluating(model):
        return negative_log_likelihood(model, Sample(
            key=sample.key, group=None, prompt=sample.prompt, input_ids=ids, labels=[-100] * context + ids[context:]))


def _answer(model: Any, tokenizer: Any, prompt: Sequence[int]) -> list[int]:
    device = next(model.parameters()).device
    ids = torch.tensor([list(prompt)], device=device)
    with evaluating(model):
        output = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=_ANSWER_TOKENS, do_sample=False,
            temperature=None, top_p=None, top_k=None, use_cache=True, pad_token_id=tokenizer.pad_token_id,
        )
    return [int(token) for token in output[0, len(prompt):]]
