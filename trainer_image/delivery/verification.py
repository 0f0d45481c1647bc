"""Proves that the files are the model: loaded from disk into fresh tensors, they must answer alike."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trainer_image.data import Sample
from trainer_image.errors import DeliveryError
from trainer_image.evaluation import evaluating, negative_log_likelihood

_DELIVERED = "delivered"
# Nats per token. The same float32 weights give the same sums; a wrong scale or a missing layer is far beyond.
_TOLERANCE = 1e-3


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
