"""How often the interval holds the truth: seeded simulations of held-out sets with realistic lengths."""

from collections.abc import Callable

import numpy as np
import pytest

from services.validator.domain.cr2 import Floats, estimate
from services.validator.domain.student_t import quantile

SETS = 4_000
# Three standard errors of a simulated coverage of 95 %: 3 * sqrt(0.95 * 0.05 / 4000).
SLACK = 0.0103

Bounds = Callable[[Floats, Floats], tuple[Floats, Floats]]


def by_conversation(tokens: Floats, gains: Floats) -> tuple[Floats, Floats]:
    """The validator's interval of each set."""
    found = estimate(tokens, gains)
    half = np.array([quantile(0.975, df) for df in found.degrees_of_freedom]) * found.error
    return found.gain - half, found.gain + half


def percentile_bootstrap(tokens: Floats, gains: Floats) -> tuple[Floats, Floats]:
    """The method that this one replaced; 400 resamples are enough to see that it fails."""
    n = tokens.shape[1]
    counts = np.random.default_rng(1).multinomial(n, np.full(n, 1 / n), 400)
    low, high = np.percentile((gains @ counts.T) / (tokens @ counts.T), [2.5, 97.5], axis=1)
    return low, high


def simulate(bounds: Bounds, n: int, skewed_down: bool = False) -> tuple[float, float]:
    """(coverage, share called proven) of a training without any effect. The interval shifts with the effect, so
    the coverage is the same for every other."""
    rng = np.random.default_rng(20_261_123)
    tokens = np.clip(rng.lognormal(np.log(850), 0.6, (SETS, n)), 200, 4_000).round()
    per_token = np.exp(0.125) - rng.lognormal(0, 0.5, (SETS, n)) if skewed_down else rng.standard_normal((SETS, n))
    low, high = bounds(tokens, 0.05 * per_token * tokens)
    return float(((low <= 0) & (high >= 0)).mean()), float((low > 0).mean())


@pytest.mark.parametrize("n", [10, 20, 48])
def test_the_interval_covers_the_truth_as_often_as_it_says(n: int) -> None:
    coverage, falsely_proven = simulate(by_conversation, n)
    assert 0.95 - SLACK <= coverage <= 0.97 + SLACK
    assert falsely_proven <= 0.025 + 0.0075


def test_a_tail_of_losses_costs_little() -> None:
    coverage, _ = simulate(by_conversation, 20, skewed_down=True)
    assert coverage >= 0.93


def test_the_percentile_bootstrap_would_be_caught() -> None:
    coverage, falsely_proven = simulate(percentile_bootstrap, 10)
    assert coverage < 0.92
    assert falsely_proven > 0.04
