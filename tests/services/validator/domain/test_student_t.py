import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.validator.domain.student_t import quantile

# Computed with mpmath at 40 digits and with scipy.special.stdtrit; both agree.
KNOWN = [
    (0.975, 1, 12.7062047361747),
    (0.975, 1.5, 6.016663104427932),
    (0.975, 2.5, 3.574654842003683),
    (0.975, 4, 2.776445105197794),
    (0.975, 8.25, 2.293897208375576),
    (0.975, 47.3, 2.011403753282671),
    (0.975, 999.5, 1.962340270383846),
    (0.975, 10_000, 1.960201239890626),
    (0.975, 10_001, 1.960201216164641),
    (0.975, 1_000_000, 1.959966356814107),
    (0.9, 3.7, 1.5575658388615072),
    (0.995, 1, 63.656741162871526),
    (0.995, 19, 2.8609346064649794),
]


@pytest.mark.parametrize(("p", "df", "expected"), KNOWN)
def test_known_quantiles(p: float, df: float, expected: float) -> None:
    assert quantile(p, df) == pytest.approx(expected, rel=1e-9)


@settings(deadline=None)
@given(st.floats(0.6, 0.999))
def test_one_and_two_degrees_of_freedom_have_closed_forms(p: float) -> None:
    assert quantile(p, 1) == pytest.approx(math.tan(math.pi * (p - 0.5)), rel=1e-9)
    assert quantile(p, 2) == pytest.approx((2 * p - 1) / math.sqrt(2 * p * (1 - p)), rel=1e-9)


@settings(deadline=None)
@given(st.floats(1, 20_000), st.floats(1.001, 3))
def test_more_degrees_of_freedom_need_a_smaller_quantile(df: float, factor: float) -> None:
    assert quantile(0.975, df * factor) < quantile(0.975, df)


@pytest.mark.parametrize(("p", "df"), [(0.5, 3), (1.0, 3), (0.975, 0.9), (0.975, math.nan)])
def test_what_it_was_not_made_for_is_refused(p: float, df: float) -> None:
    with pytest.raises(ValueError, match="needs"):
        quantile(p, df)
