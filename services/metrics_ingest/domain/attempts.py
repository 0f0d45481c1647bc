"""Which points count when a job was trained in several attempts."""

from collections.abc import Mapping

import numpy as np

from services.metrics_ingest.domain.points import LARGEST, Ints, Mask, Points


def last_valid_steps(resumed: Mapping[int, int]) -> dict[int, int]:
    """The last step of each attempt that no newer attempt has taken back.

    `resumed` is attempt -> the step it resumed from. What an older attempt did beyond that point was lost with its
    machine and done again: attempt 1 ran to step 140, attempt 2 resumed from 100, so 101 to 140 of attempt 1
    are superseded. It holds for whatever arrives late, in any order.
    """
    limit, limits = LARGEST, {}
    for attempt in sorted(resumed, reverse=True):
        limits[attempt] = limit
        limit = min(limit, resumed[attempt])
    return limits


def superseded(steps: Ints, attempts: Ints, resumed: Mapping[int, int]) -> Mask:
    limits = last_valid_steps(resumed)
    mask = np.zeros(len(steps), dtype=np.bool_)
    for attempt, limit in limits.items():
        if limit < LARGEST:
            mask |= (attempts == attempt) & (steps > limit)
    return mask


def effective(points: Points, resumed: Mapping[int, int]) -> Points:
    """One metric's points that count, one for each step (the newest attempt's), in step order."""
    if len(resumed) > 1:
        points = points.take(~superseded(points.step, points.attempt, resumed))
    if not _ascending(points.step):
        points = points.take(np.lexsort((points.attempt, points.step)))
        points = points.take(np.append(points.step[1:] != points.step[:-1], True)[: len(points)])
    return points


def _ascending(steps: Ints) -> bool:
    return bool((steps[1:] > steps[:-1]).all())
