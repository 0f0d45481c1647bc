"""How fast runs train, for Prometheus: sums over reports, so that no label names a job."""

from math import isfinite

from services.metrics_ingest import metrics
from services.metrics_ingest.domain.reports import Report


def observe(report: Report) -> None:
    """The newest value of each figure that the report has."""
    speed, use = _last(report, "tokens_per_second"), _last(report, "gpu_utilization_pct")
    used, total = _last(report, "gpu_memory_used_mb"), _last(report, "gpu_memory_total_mb")
    if speed is not None:
        metrics.TOKENS_PER_SECOND.observe(speed)
    if use is not None:
        metrics.GPU_UTILIZATION.observe(use / 100)
    if used is not None and total:
        metrics.GPU_MEMORY.observe(used / total)


def _last(report: Report, name: str) -> float | None:
    if name not in report.names:
        return None
    values = report.values[report.name_index == report.names.index(name)]
    last = float(values[-1]) if len(values) else float("nan")
    return last if isfinite(last) else None
