"""The standard error against its definition, in exact arithmetic."""

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.validator.domain.cr2 import estimate, interval
from services.validator.domain.student_t import quantile


def exactly(tokens: list[int], gains: list[int]) -> tuple[Fraction, Fraction]:
    """(variance, degrees of freedom) as the double sum over all pairs that defines them."""
    n, total = len(tokens), sum(tokens)
    w = [Fraction(t, total) for t in tokens]
    d = Fraction(sum(gains), total)
    s = sum(x * x for x in w)
    covariance = [[(i == j) - w[i] - w[j] + s for j in range(n)] for i in range(n)]
    a = [w[i] ** 2 / covariance[i][i] for i in range(n)]
    variance = sum(a[i] * (Fraction(gains[i], tokens[i]) - d) ** 2 for i in range(n))
    spread = sum(a[i] * a[j] * covariance[i][j] ** 2 for i in range(n) for j in range(n))
    return variance, s**2 / spread


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5_000), st.integers(-5_000, 5_000)), min_size=2, max_size=12))
def test_it_is_the_double_sum_of_its_definition(rows) -> None:
    tokens, gains = [row[0] for row in rows], [row[1] for row in rows]
    variance, freedom = exactly(tokens, gains)
    found = estimate(np.array(tokens, float), np.array(gains, float))
    assert float(found.error) == pytest.approx(float(variance) ** 0.5, rel=1e-6, abs=1e-9)
    assert float(found.degrees_of_freedom) == pytest.approx(float(freedom), rel=1e-6)


@pytest.mark.parametrize("longest", [10**5, 10**6, 10**7, 10**9])
def test_it_stays_exact_where_one_conversation_holds_nearly_everything(longest: int) -> None:
    """Multiplied out at one go, the second of these gives two degrees of freedom in place of one."""
    tokens, gains = [longest, 17, 3, 5, 19, 16, 8, 19, 19, 10, 18, 16], [longest // 2, *range(11)]
    variance, freedom = exactly(tokens, gains)
    found = estimate(np.array(tokens, float), np.array(gains, float))
    assert float(found.degrees_of_freedom) == pytest.approx(float(freedom), rel=1e-3)
    assert float(found.error) == pytest.approx(float(variance) ** 0.5, rel=1e-2)


def test_a_million_conversations_need_memory_for_a_million() -> None:
    tokens, gains = np.full(1_000_000, 100.0), np.tile([10.0, 11.0, 12.0, 13.0], 250_000)
    tracemalloc.start()
    low, high = interval(tokens, gains)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert low < 0.115 < high
    assert peak < 12 * tokens.nbytes


def test_equal_lengths_give_students_t_interval() -> None:
    per_token = np.array([0.1, 0.3, 0.2, 0.25, 0.05, 0.4])
    half = quantile(0.975, 5) * per_token.std(ddof=1) / np.sqrt(6)
    assert float(estimate(np.full(6, 100.0), 100 * per_token).degrees_of_freedom) == pytest.approx(5)
    found = interval(np.full(6, 100.0), 100 * per_token)
    assert found == pytest.approx((per_token.mean() - half, per_token.mean() + half))


def test_many_sets_at_once_are_the_same_as_one_by_one() -> None:
    rng = np.random.default_rng(3)
    tokens, gains = rng.integers(1, 900, (5, 8)).astype(float), rng.standard_normal((5, 8))
    together = estimate(tokens, gains)
    alone = [estimate(t, x) for t, x in zip(tokens, gains, strict=True)]
    assert list(together.degrees_of_freedom) == pytest.approx([float(one.degrees_of_freedom) for one in alone])
    assert list(together.error) == pytest.approx([float(one.error) for one in alone])
