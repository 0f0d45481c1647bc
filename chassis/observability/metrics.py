"""Prometheus: what a process counts about itself, and how it is read.

Names follow Prometheus' conventions: base units, `_total` for counters, no `_created` series (nobody reads them, and
they double what a scrape carries).
"""

import os
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

disable_created_metrics()  # type: ignore[no-untyped-call]

BACKGROUND_FAILURES = Counter(
    "brightrun_background_failures", "Times a background task raised and was started again", ["task"]
)


def exposition(registry: CollectorRegistry) -> tuple[bytes, str]:
    """(body, content type) of /metrics: this runtime's registry, then the process-wide default one."""
    return generate_latest(registry) + generate_latest(REGISTRY), CONTENT_TYPE_LATEST


class DiskCollector(Collector):
    """The file system that a folder lies on, or will lie on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def collect(self) -> Iterator[Metric]:
        found = os.statvfs(next(path for path in (self._folder, *self._folder.parents) if path.exists()))
        yield GaugeMetricFamily(
            "brightrun_disk_free_bytes", "Left for this process on the file system of its data",
            value=found.f_bavail * found.f_frsize)
        yield GaugeMetricFamily(
            "brightrun_disk_size_bytes", "Size of the file system of its data", value=found.f_blocks * found.f_frsize)
