"""How likely a model finds the held-out conversations: the same measure during and after the training."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from contracts.events import ConversationLikelihood
from trainer_image.data import Sample
from trainer_image.device import compute_dtype, on_gpu

# An evaluation during the training reads at most so many tokens: about 3 % of an epoch of the product's
# 242-conversation file. The final one reads the whole hold-out.
TOKENS_DURING_TRAINING = 64_000


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Without dropout, without gradients, and without a trace in the random numbers of the training."""
    training, devices = model.training, [0] if on_gpu() else []
    model.eval()
    try:
        with (torch.no_grad(), torch.random.fork_rng(devices=devices),
              torch.autocast("cuda" if on_gpu() else "cpu", dtype=compute_dtype(), enabled=on_gpu())):
            yield
    finally:
        model.train(training)


def negative_log_likelihood(model: Any, sample: Sample) -> float:
    """Summed over the learnt tokens, in nats; through the same fused head that computes the training loss."""
    device = next(model.parameters()).device
    outputs = model(
        input_ids=torch.tensor([sample.input_ids], device=device), labels=torch.tensor([sample.labels], device=device),
        use_cache=False, fused_lm_head=True,
    )
    return -float(outputs.log_probs.double().sum())


def likelihoods(model: Any, held_out: Sequence[Sample]) -> dict[str, float]:
    """Of each conversation by its key, as `negative_log_likelihood`."""
    with evaluating(model):
        return {sample.key: negative_log_likelihood(model, sample) for sample in held_out}


def mean_loss(found: Mapping[str, float], held_out: Sequence[Sample]) -> float:
    """Nats per learnt token, each token counting the same. Not a number when nothing is held out."""
    tokens = sum(sample.learnt_tokens for sample in held_out)
    return sum(found[sample.key] for sample in held_out) / tokens if tokens else float("nan")


def for_training(held_out: Sequence[Sample], limit: int = TOKENS_DURING_TRAINING) -> tuple[Sample, ...]:
    """The first held-out conversations up to `limit` tokens, at least one where there is one."""
    chosen: list[Sample] = []
    tokens = 0
    for sample in held_out:
        tokens += len(sample.input_ids)
        if chosen and tokens > limit:
            break
        chosen.append(sample)
    return tuple(chosen)


def compare(
    model: Any, held_out: Sequence[Sample], *, known_base: Mapping[str, float], known_trained: Mapping[str, float],
) -> tuple[ConversationLikelihood, ...]:
    """Base (adapter disabled, the same weights in memory) and trained model on each conversation; what is known
    already is not computed again."""
    trained = _completed(model, held_out, known_trained)
    with model.disable_adapter():
        base = _completed(model, held_out, known_base)
    return tuple(
        ConversationLikelihood(
            conversation_key=sample.key, tokens=sample.learnt_tokens, base_nll=base[sample.key],
            trained_nll=trained[sample.key], group=sample.group, source_conversation=sample.source)
        for sample in held_out
    )


def _completed(model: Any, held_out: Sequence[Sample], known: Mapping[str, float]) -> dict[str, float]:
    return {**known, **likelihoods(model, [sample for sample in held_out if sample.key not in known])}
