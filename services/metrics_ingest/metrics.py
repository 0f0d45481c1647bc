"""Prometheus metrics. Labels never name jobs."""

from prometheus_client import Counter, Histogram

POINTS = Counter(
    "brightrun_metric_points",
    "Points by what became of them: stored, duplicate (was there), dropped (its job was deleted)",
    ["outcome"],
)
NOT_FINITE = Counter("brightrun_metric_points_not_finite", "Points taken whose value is NaN or infinite")
BATCH_POINTS = Histogram(
    "brightrun_metric_batch_points", "Points of one transaction", buckets=(1, 10, 100, 1000, 5000, 20000, 50000, 200000)
)
STORE_SECONDS = Histogram(
    "brightrun_metric_store_seconds",
    "Time of one transaction",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
LAG_SECONDS = Histogram(
    "brightrun_metric_lag_seconds",
    "From the time in a report's envelope (the pod's clock) to the commit of its points; a clock ahead counts as 0",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600),
)
CHART_SECONDS = Histogram(
    "brightrun_metric_chart_seconds",
    "Time to read and thin the series of a chart, by where they came from",
    ["source"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5),
)
HOT_WINDOW = Counter("brightrun_metric_hot_window", "Use of the hot window: hit, miss, away (no Redis)", ["outcome"])
LOG_LINES = Counter(
    "brightrun_log_lines",
    "Lines of trainers' output by what became of them: stored, duplicate (were there), dropped (their job was deleted)",
    ["outcome"],
)
BLOCKS_PACKED = Counter("brightrun_metric_blocks_packed", "Blocks of steps packed into columns")
