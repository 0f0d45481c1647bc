"""What one message reported."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.metrics_ingest.domain.curves import Floats, Ints


@dataclass(frozen=True, slots=True)
class Report:
    """The points of one message in columns of equal length; `name_index` points into `names`.

    Null means that a metric has no value at that step: there is no point for it. NaN and infinity are values.
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


def groups(
    reports: Sequence[tuple[int, Report]], points: int
) -> Iterator[Sequence[tuple[int, Report]]]:
    """Runs of reports of about so many points; a report is never cut."""
    group: list[tuple[int, Report]] = []
    size = 0
    for item in reports:
        if group and size + len(item[1]) > points:
            yield group
            group, size = [], 0
        group.append(item)
        size += len(item[1])
    if group:
        yield group
