"""Which conversations go into which step, on record: to name them when a step goes wrong."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from trainer_image.data import Sample

COLUMN = "sample"


class SampleRecord:
    """`current` are the samples of the running step; each finished step is a line of `path`, with their keys."""

    def __init__(self, samples: Sequence[Sample], path: Path) -> None:
        self._samples = samples
        self._file = path.open("a", buffering=1)
        self.current: list[Sample] = []

    def dataset_rows(self, samples: Sequence[Sample]) -> list[dict[str, Any]]:
        return [{"input_ids": sample.input_ids, "labels": sample.labels, COLUMN: index}
                for index, sample in enumerate(samples)]

    def take(self, rows: Iterable[dict[str, Any]]) -> None:
        """Note the conversations of the step that begins."""
        self.current = [self._samples[row[COLUMN]] for row in rows]

    def finish(self, step: int) -> list[str]:
        """The conversations of the step that ends, as a person knows them; the next one starts empty."""
        samples, self.current = self.current, []
        self._file.write(json.dumps({"step": step, "conversations": [sample.key for sample in samples]}) + "\n")
        return [sample.name for sample in samples]
