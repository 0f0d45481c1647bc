"""Quantiles of Student's t distribution for any degrees of freedom; scipy is too heavy for one number."""

import math
from statistics import NormalDist

# Beyond, the expansion alone is exact to 1e-12, and the continued fraction would need ever more terms.
_NEARLY_NORMAL = 10_000.0


def quantile(p: float, df: float) -> float:
    """The t below which a share `p` lies, for 0.5 < p < 1 and df >= 1, whole or not; exact to 1e-9.

    Newton's method from Cornish and Fisher's expansion, which lies below the root; the distribution function is
    concave above zero, so the steps rise to the root and never pass it. Raises ValueError outside that range.
    """
    if not (0.5 < p < 1 and df >= 1):
        raise ValueError(f"a t quantile needs 0.5 < p < 1 and df >= 1, not p={p}, df={df}")
    t = _expansion(p, df)
    for _ in range(50 if df <= _NEARLY_NORMAL else 0):
        step = (p - _distribution(t, df)) / _density(t, df)
        t += step
        if abs(step) < 1e-12 * t:
            break
    return t


def _expansion(p: float, df: float) -> float:
    """Cornish and Fisher's expansion around the normal quantile (Abramowitz and Stegun 26.7.5)."""
    z = NormalDist().inv_cdf(p)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + first / df + second / df**2


def _density(t: float, df: float) -> float:
    scale = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - 0.5 * math.log(df * math.pi)
    return math.exp(scale - (df + 1) / 2 * math.log1p(t * t / df))


def _distribution(t: float, df: float) -> float:
    """P(T <= t) for t > 0."""
    return 1 - 0.5 * _incomplete_beta(df / 2, 0.5, df / (df + t * t))


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Regularised incomplete beta function I_x(a, b)."""
    if x > (a + 1) / (a + b + 2):  # the continued fraction converges fast on the other side only
        return 1 - _incomplete_beta(b, a, 1 - x)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) / a * _continued_fraction(a, b, x)


def _continued_fraction(a: float, b: float, x: float) -> float:
    """DLMF 8.17.22 by Lentz's algorithm."""
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, 500):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d, c = 1 / (1 + term * d), 1 + term / c
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value
