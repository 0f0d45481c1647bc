"""A standard error by conversation that holds for few and unequal conversations.

Bell and McCaffrey's bias-reduced variance (CR2) of D = sum(gains) / sum(tokens), with conversations as clusters and
equal variance of the gain per token as working model, and Satterthwaite's degrees of freedom. With equal lengths it is
exactly Student's t interval. Linear in time and memory, no random numbers.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from services.validator.domain import student_t

Floats = npt.NDArray[np.float64]

CONFIDENCE = 0.95


class Estimate(NamedTuple):
    """D in nats per token, its standard error, and the degrees of freedom behind that; one each per set."""

    gain: Floats
    error: Floats
    degrees_of_freedom: Floats


def estimate(tokens: Floats, gains: Floats) -> Estimate:
    """`tokens` and `gains` (nats, base minus trained) of the conversations along the last axis, at least two."""
    weights = tokens / tokens.sum(axis=-1, keepdims=True)
    gain = gains.sum(axis=-1, keepdims=True) / tokens.sum(axis=-1, keepdims=True)
    squares = (weights**2).sum(axis=-1, keepdims=True)
    # Variance of a residual in units of that of a gain: 1 - 2 w + S, written so that it never becomes negative.
    leverage = (1 - weights) ** 2 + np.maximum(squares - weights**2, 0)
    factors = weights**2 / leverage
    error = np.sqrt((factors * (gains / tokens - gain) ** 2).sum(axis=-1))
    return Estimate(gain[..., 0], error, _satterthwaite(weights, squares, leverage, factors))


def interval(tokens: Floats, gains: Floats) -> tuple[float, float]:
    """The 95 % interval of D for one set of conversations."""
    gain, error, freedom = estimate(tokens, gains)
    half = student_t.quantile((1 + CONFIDENCE) / 2, float(freedom)) * float(error)
    return float(gain) - half, float(gain) + half


def _satterthwaite(weights: Floats, squares: Floats, leverage: Floats, factors: Floats) -> Floats:
    """(sum a k)^2 / sum_ij (a_i a_j cov_ij^2) with cov_ii = k_i and cov_ij = S - w_i - w_j.

    The pairs of the longest conversation are added apart: where it holds nearly all tokens its factor is huge, and
    taking its square from the multiplied-out sum again would leave rounding errors only.
    """
    centred = squares / 2 - weights  # cov_ij = centred_i + centred_j
    longest = weights.argmax(axis=-1)[..., None]
    others = factors.copy()
    np.put_along_axis(others, longest, 0.0, axis=-1)
    factor_of_longest = np.take_along_axis(factors, longest, axis=-1)
    with_longest = (others * (np.take_along_axis(centred, longest, axis=-1) + centred) ** 2).sum(axis=-1)
    pairs = _sum_over_pairs(others, centred) + 2 * factor_of_longest[..., 0] * with_longest
    own = ((factors * leverage) ** 2).sum(axis=-1)
    freedom = squares[..., 0] ** 2 / (own + pairs)
    return np.asarray(np.maximum(freedom, 1.0))  # below one by rounding only


def _sum_over_pairs(factors: Floats, centred: Floats) -> Floats:
    """Sum over i != j of a_i a_j (u_i + u_j)^2, multiplied out."""
    once, twice = (factors * centred).sum(axis=-1), (factors * centred**2).sum(axis=-1)
    diagonal = (4 * factors**2 * centred**2).sum(axis=-1)
    return np.asarray(2 * factors.sum(axis=-1) * twice + 2 * once**2 - diagonal)
