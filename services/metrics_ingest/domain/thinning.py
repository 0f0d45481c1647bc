"""Fewer points for a chart, without hiding a peak."""

import numpy as np
import numpy.typing as npt
from tsdownsample import MinMaxDownsampler

from services.metrics_ingest.domain.curves import Floats, Ints

Indexes = npt.NDArray[np.intp]


def thin(steps: Ints, values: Floats, max_points: int) -> tuple[Indexes, Indexes]:
    """(chosen, flagged): indexes of at most `max_points` points, and of all values that are NaN or infinite.

    The range of steps is cut into slices and of each the smallest and the largest value are kept (MinMax), besides
    the first and the last point. We do not pick among those by LTTB: it may drop the peak of a slice whose trough
    is more striking. Values that are no numbers have no extremes; up to a tenth of the points show where they are.
    """
    flagged = np.flatnonzero(~np.isfinite(values))
    if len(values) <= max_points:
        return np.arange(len(values)), flagged
    shown = evenly(flagged, max_points // 10)
    finite = np.flatnonzero(np.isfinite(values)) if len(flagged) else None
    chosen = _extremes(steps, values, finite, max_points - len(shown))
    return np.union1d(chosen, shown), flagged


def _extremes(steps: Ints, values: Floats, finite: Indexes | None, budget: int) -> Indexes:
    """Of the points at `finite` (None: all), at most `budget` that keep the extremes of every slice."""
    if finite is None:
        finite = np.arange(len(values))
    else:
        steps, values = steps[finite], values[finite]
    if len(finite) <= budget:
        return finite
    slices: Indexes = MinMaxDownsampler().downsample(steps, values, n_out=(budget - 2) // 2 * 2).astype(np.intp)  # type: ignore[no-untyped-call]
    kept: Indexes = np.union1d(slices, [0, len(finite) - 1])
    return finite[kept]


def evenly(indexes: Indexes, count: int) -> Indexes:
    """`count` of them, the first and the last among them, spread evenly; all when there are no more."""
    if len(indexes) <= count:
        return indexes
    return indexes[np.linspace(0, len(indexes) - 1, count).round().astype(np.intp)]
