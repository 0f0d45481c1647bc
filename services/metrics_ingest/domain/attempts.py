"""Which points count when a job was trained in several attempts."""

from collections.abc import Mapping

import numpy as np

from services.metrics_ingest.domain.curves import Curve, Ints, Mask
from services.metrics_ingest.domain.points import LARGEST


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


def effective(curve: Curve, resumed: Mapping[int, int]) -> Curve:
    """The points that count, one for each step (the newest attempt's), in step order."""
    if len(resumed) > 1:
        curve = curve.take(~superseded(curve.step, curve.attempt, resumed))
    if not _ascending(curve.step):
        curve = curve.take(np.lexsort((curve.attempt, curve.step)))
        curve = curve.take(np.append(curve.step[1:] != curve.step[:-1], True)[: len(curve)])
    return curve


def _ascending(steps: Ints) -> bool:
    return bool((steps[1:] > steps[:-1]).all())
