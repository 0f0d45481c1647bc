"""Perplexity, its improvement, and how sure the data lets one be."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contracts.events import ConversationLikelihood

RESAMPLES = 10_000
CONFIDENCE = 0.95
# The interval must come out the same whenever the same evaluation is looked at.
_SEED = 20_240_501

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Verdict:
    """Perplexities over all hold-out tokens; improvement in percent of the base's, with a bootstrap interval."""

    perplexity_baseline: float
    perplexity_trained: float
    improvement_pct: float
    low_pct: float
    high_pct: float
    verdict: str
    conversations: int
    tokens: int
    confidence: float = CONFIDENCE


def judge(conversations: Sequence[ConversationLikelihood]) -> Verdict:
    """Verdict over the hold-out.

    The conversation is the unit that is resampled: tokens of one conversation are not independent, so an interval
    over tokens would be far too narrow (Miller 2024, "Adding Error Bars to Evals": clustered, paired errors).
    Both models are scored on the same resample, which is what makes the comparison paired.

    Raises ValueError for an empty hold-out.
    """
    if not conversations:
        raise ValueError("an evaluation without conversations proves nothing")
    tokens = np.array([item.tokens for item in conversations], dtype=np.float64)
    base = np.array([item.base_nll for item in conversations])
    trained = np.array([item.trained_nll for item in conversations])
    low, high = _interval(tokens, base, trained)
    improvement = float(_improvement(base.sum() / tokens.sum(), trained.sum() / tokens.sum()))
    return Verdict(
        perplexity_baseline=float(np.exp(base.sum() / tokens.sum())),
        perplexity_trained=float(np.exp(trained.sum() / tokens.sum())),
        improvement_pct=improvement,
        low_pct=low,
        high_pct=high,
        verdict=_verdict(low, high, len(conversations)),
        conversations=len(conversations),
        tokens=int(tokens.sum()),
    )


def _improvement(base_nll_per_token: Floats, trained_nll_per_token: Floats) -> Floats:
    """Percent by which perplexity fell: (base - trained) / base, written so that large losses do not overflow."""
    return np.asarray(100.0 * -np.expm1(trained_nll_per_token - base_nll_per_token))


def _interval(tokens: Floats, base: Floats, trained: Floats) -> tuple[float, float]:
    """Percentile interval of the improvement over resampled conversations, in percent."""
    generator = np.random.default_rng(_SEED)
    drawn = generator.integers(0, len(tokens), size=(RESAMPLES, len(tokens)))
    drawn_tokens = tokens[drawn].sum(axis=1)
    improvements = _improvement(base[drawn].sum(axis=1) / drawn_tokens, trained[drawn].sum(axis=1) / drawn_tokens)
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(improvements, [tail, 100 - tail])
    return float(low), float(high)


def _verdict(low: float, high: float, conversations: int) -> str:
    # One conversation resamples to itself: an interval of no width is no evidence.
    if conversations < 2:
        return "not_proven"
    return "proven" if low > 0 else "worse" if high < 0 else "not_proven"
