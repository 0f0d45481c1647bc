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
TOKENS_PER_SECOND = Histogram(
    "brightrun_training_tokens_per_second", "Tokens trained in a second, as trainers report it: one value a report",
    buckets=(100, 300, 1000, 2000, 3000, 5000, 7500, 10000, 15000, 20000, 30000, 50000, 100000))
GPU_UTILIZATION = Histogram(
    "brightrun_training_gpu_utilization_ratio", "Use of the GPU, as trainers report it: one value a report",
    buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0))
GPU_MEMORY = Histogram(
    "brightrun_training_gpu_memory_used_ratio", "Memory of the GPU in use, as trainers report it: one value a report",
    buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0))
BLOCKS_PACKED = Counter("brightrun_metric_blocks_packed", "Blocks of steps packed into columns")

# Every series exists from the start: a first step is one that `rate()` sees.
for _outcome in ("stored", "duplicate", "dropped"):
    POINTS.labels(_outcome)
    LOG_LINES.labels(_outcome)
for _outcome in ("hit", "miss", "away"):
    HOT_WINDOW.labels(_outcome)
for _source in ("window", "database"):
    CHART_SECONDS.labels(_source)
