"""Perplexity, its improvement, and how sure the data lets one be."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.events import ConversationLikelihood
from contracts.evidence import has_interval, missing_for_verdict
from services.validator.domain import cr2
from services.validator.domain.clusters import MOST_NATS, Clusters, clusters, perplexity

# Stands beside every verdict: it says by which rule it was reached. Count it up with each change of the rule.
METHOD = "cr2-t/1"
# Verdicts of these are reached again. Never the present one, so that replicas of two versions cannot fight.
SUPERSEDED_METHODS = ("bootstrap/1",)


@dataclass(frozen=True)
class Verdict:
    """Perplexities over all hold-out tokens; improvement in percent of the base's, with a 95 % interval.

    `conversations` counts independent ones: samples of one source conversation are one. Without at least five of
    them there is no interval, and without ten the verdict is `too_few`. `worse` of them lost by the training.
    """

    perplexity_baseline: float
    perplexity_trained: float
    improvement_pct: float
    low_pct: float | None
    high_pct: float | None
    verdict: str
    conversations: int
    worse: int
    tokens: int
    confidence: float = cr2.CONFIDENCE
    method: str = METHOD

    @property
    def missing(self) -> int:
        """How many more conversations a verdict needs."""
        return missing_for_verdict(self.conversations)


def judge(samples: Sequence[ConversationLikelihood]) -> Verdict:
    """Verdict over the hold-out. Raises UnusableEvaluation.

    The conversation is the unit: tokens of one conversation are not independent, and neither are samples that share
    their history, so an interval over those would be far too narrow. Each conversation is its own control.
    """
    found = clusters(samples)
    tokens = float(found.tokens.sum())
    low, high = _interval(found)
    return Verdict(
        perplexity_baseline=perplexity(float(found.base.sum()), tokens),
        perplexity_trained=perplexity(float(found.trained.sum()), tokens),
        improvement_pct=_percent(float(found.gains.sum()) / tokens),
        low_pct=low,
        high_pct=high,
        verdict=_verdict(low, high, len(found.tokens)),
        conversations=len(found.tokens),
        worse=int((found.gains < 0).sum()),
        tokens=int(tokens),
    )


def _interval(found: Clusters) -> tuple[float, float] | tuple[None, None]:
    if not has_interval(len(found.tokens)):
        return None, None
    low, high = cr2.interval(found.tokens, found.gains)
    return _percent(low), _percent(high)


def _percent(gain: float) -> float:
    """Percent by which perplexity falls for a gain in nats per token; monotone, so it carries bounds over too."""
    return -100.0 * math.expm1(min(-gain, MOST_NATS))


def _verdict(low: float | None, high: float | None, conversations: int) -> str:
    if low is None or high is None or missing_for_verdict(conversations):
        return "too_few"
    return "proven" if low > 0 else "worse" if high < 0 else "not_proven"
