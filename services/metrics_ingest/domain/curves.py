"""One metric of one job, in columns of equal length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Curve:
    """Raw points, or after `effective` those that count. In (step, attempt) order."""

    step: Ints
    attempt: Ints
    time: Floats
    value: Floats

    def __len__(self) -> int:
        return len(self.step)

    @classmethod
    def joined(cls, parts: Sequence[Curve]) -> Curve:
        if len(parts) == 1:
            return parts[0]
        return cls(
            step=np.concatenate([_NO_INTS, *(part.step for part in parts)]),
            attempt=np.concatenate([_NO_INTS, *(part.attempt for part in parts)]),
            time=np.concatenate([_NO_FLOATS, *(part.time for part in parts)]),
            value=np.concatenate([_NO_FLOATS, *(part.value for part in parts)]),
        )

    def take(self, chosen: npt.NDArray[np.intp] | Mask) -> Curve:
        return Curve(self.step[chosen], self.attempt[chosen], self.time[chosen], self.value[chosen])

    def between(self, low: int, high: int) -> Curve:
        """Points with low <= step <= high."""
        inside = slice(int(np.searchsorted(self.step, low)), int(np.searchsorted(self.step, high, side="right")))
        return Curve(self.step[inside], self.attempt[inside], self.time[inside], self.value[inside])


_NO_INTS, _NO_FLOATS = np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float64)


def pack_ints(values: Ints) -> bytes:
    """Evenly spaced integers, as most steps and attempts are, as two numbers; others one by one."""
    spacing = values[1:] - values[:-1]
    if len(values) > 2 and (spacing == spacing[0]).all():
        values = np.array([values[0], spacing[0]], dtype=np.int32)
    return values.astype("<i4").tobytes()


def unpack_ints(data: bytes, count: int) -> Ints:
    values = np.frombuffer(data, "<i4").astype(np.int32, copy=False)
    if len(values) == count:
        return values
    unpacked: Ints = values[0] + values[1] * np.arange(count, dtype=np.int32)
    return unpacked
