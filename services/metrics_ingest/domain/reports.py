"""What one message reported."""

from dataclasses import dataclass
from uuid import UUID

from services.metrics_ingest.domain.curves import Floats, Ints


@dataclass(frozen=True, slots=True)
class Report:
    """The points of one message in columns of equal length; `name_index` points into `names`.

    Null means that a metric has no value at that step: there is no point for it, and without any point the metric is
    not among the names. NaN and infinity are values.
    `time` is the envelope's, in Unix seconds.
    """

    job_id: UUID
    workspace_id: UUID
    attempt: int
    resumed_from_step: int
    time: float
    names: tuple[str, ...]
    name_index: Ints
    steps: Ints
    times: Floats
    values: Floats

    def __len__(self) -> int:
        return len(self.values)
