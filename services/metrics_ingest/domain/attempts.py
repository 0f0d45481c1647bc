"""Which points count when a job was trained in several attempts."""

from collections.abc import Mapping

import numpy as np

from services.metrics_ingest.domain.curves import Curve, Ints, Mask
from services.metrics_ingest.domain.points import LARGEST

# Attempts are counted from 1, one for each machine; a pod cannot make readers sort through more of them.
MOST_ATTEMPTS = 1_000


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
    last_valid = np.full(MOST_ATTEMPTS + 2, LARGEST, dtype=np.int32)
    for attempt, step in last_valid_steps(resumed).items():
        last_valid[min(attempt, MOST_ATTEMPTS + 1)] = step
    mask: Mask = steps > last_valid[np.minimum(attempts, MOST_ATTEMPTS + 1)]
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
