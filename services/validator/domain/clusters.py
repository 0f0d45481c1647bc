"""The independent conversations of an evaluation, checked."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from contracts.events import ConversationLikelihood
from services.validator.domain.cr2 import Floats

# exp of more nats than this is no floating-point number; a model that guesses blindly needs about 12 per token.
MOST_NATS = 700.0
_MOST_TOKENS = 2**53


class UnusableEvaluation(ValueError):
    """Its figures cannot be those of a model; says which conversation and why."""


class Clusters(NamedTuple):
    """Learnt tokens of each independent conversation, and its nats under base and trained model."""

    tokens: Floats
    base: Floats
    trained: Floats

    @property
    def gains(self) -> Floats:
        return self.base - self.trained


def clusters(samples: Sequence[ConversationLikelihood]) -> Clusters:
    """Samples of one source, and those that come twice, are one conversation. Raises UnusableEvaluation."""
    _check(samples)
    numbers: dict[str, int] = {}
    of = [numbers.setdefault(source_of(sample), len(numbers)) for sample in samples]
    return Clusters(
        tokens=_sums(of, [sample.tokens for sample in samples]),
        base=_sums(of, [sample.base_nll for sample in samples]),
        trained=_sums(of, [sample.trained_nll for sample in samples]),
    )


def source_of(sample: ConversationLikelihood) -> str:
    return sample.source_conversation or sample.conversation_key


def worst_first(samples: Sequence[ConversationLikelihood]) -> list[ConversationLikelihood]:
    """Those that lost most likelihood per token by the training, first."""
    return sorted(samples, key=lambda sample: (sample.base_nll - sample.trained_nll) / sample.tokens)


def perplexity(nats: float, tokens: float) -> float:
    return math.exp(min(nats / tokens, MOST_NATS))


def _sums(of: list[int], values: Sequence[float]) -> Floats:
    return np.bincount(of, weights=np.array(values, dtype=np.float64)).astype(np.float64)


def _check(samples: Sequence[ConversationLikelihood]) -> None:
    if not samples:
        raise UnusableEvaluation("the evaluation has no conversations")
    for sample in samples:
        if not 1 <= sample.tokens <= _MOST_TOKENS:
            raise UnusableEvaluation(f"{_named(sample)} has {sample.tokens} learnt tokens instead of at least one")
        _check_likelihood(sample, "base_nll", sample.base_nll)
        _check_likelihood(sample, "trained_nll", sample.trained_nll)
    if sum(sample.tokens for sample in samples) > _MOST_TOKENS:
        raise UnusableEvaluation(f"the evaluation counts more than {_MOST_TOKENS} tokens")


def _check_likelihood(sample: ConversationLikelihood, name: str, nats: float) -> None:
    if not abs(nats) <= MOST_NATS * sample.tokens:  # true for what is not a number, too
        raise UnusableEvaluation(
            f"{_named(sample)}: {name} is {nats} for {sample.tokens} tokens, "
            f"which is not a finite number of at most {MOST_NATS:.0f} per token"
        )


def _named(sample: ConversationLikelihood) -> str:
    return f"conversation {sample.conversation_key[:80]!r}"
