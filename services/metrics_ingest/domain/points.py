"""Points in columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from services.metrics_ingest.domain.curves import Curve, Floats, Ints, Mask

# Steps are stored as 32-bit integers: two billion steps are more than any training makes.
LARGEST = 2**31 - 1
BLOCK_STEPS = 4096


@dataclass(frozen=True, slots=True)
class Points:
    """Rows of metric_points. All columns have the same length."""

    job_no: Ints
    metric: Ints
    step: Ints
    attempt: Ints
    time: Floats
    value: Floats

    def __len__(self) -> int:
        return len(self.step)

    @classmethod
    def joined(cls, parts: Sequence[Points]) -> Points:
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def take(self, chosen: npt.NDArray[np.intp] | Mask) -> Points:
        return Points(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def in_key_order(self) -> Points:
        """Sorted as the primary key is: neighbours in the index, and no deadlock between two writers."""
        return self.take(np.lexsort((self.attempt, self.step, self.metric, self.job_no)))

    def blocks(self) -> list[tuple[int, int]]:
        """(job_no, block) of every run of steps that is touched, in order."""
        keys = np.unique(self.job_no.astype(np.int64) << 32 | self.step // BLOCK_STEPS)
        return [(int(key >> 32), int(key & 0xFFFFFFFF)) for key in keys]

    def curve(self, metric: int) -> Curve:
        """One job's points of this metric."""
        mine = self.take(self.metric == metric)
        mine = mine.take(np.lexsort((mine.attempt, mine.step)))
        return Curve(mine.step, mine.attempt, mine.time, mine.value)

    @classmethod
    def of_curve(cls, job_no: int, metric: int, curve: Curve) -> Points:
        size = len(curve)
        numbers = np.full(size, job_no, dtype=np.int32), np.full(size, metric, dtype=np.int32)
        return cls(*numbers, curve.step, curve.attempt, curve.time, curve.value)

    def per_job(self) -> dict[int, int]:
        """job_no -> points."""
        numbers, counts = np.unique(self.job_no, return_counts=True)
        return dict(zip(numbers.tolist(), counts.tolist(), strict=True))

    def shares(self, inserted: int) -> dict[int, int]:
        """job_no -> about how many of its points were among the `inserted` ones; exact where all or none were."""
        return {job_no: round(count * inserted / len(self)) for job_no, count in self.per_job().items()}
