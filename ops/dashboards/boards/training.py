"""Training: how fast, how well the GPU is used, what stalls."""

from ops.dashboards.model import Dashboard, Panel, Query, Row
from ops.dashboards.promql import RANGE, RATE, highest, increase, mean, quantile, rate

_HITS = f'sum(rate(brightrun_metric_hot_window_total{{outcome="hit"}}[{RATE}]))'
_CPU = "On the local provider there is no GPU: NaN."

BOARD = Dashboard("training", "training", "Throughput, use of the GPU, stalls, and the way of the metrics.", (
    Row("Throughput", (
        Panel("Tokens in a second", "Of one job: mean and spread over all reports.", "short",
              (mean("brightrun_training_tokens_per_second"),
               quantile(0.1, "brightrun_training_tokens_per_second"),
               quantile(0.9, "brightrun_training_tokens_per_second"))),
        Panel("Use of the GPU", f"Mean over all reports, and the worst tenth. {_CPU}", "percentunit",
              (mean("brightrun_training_gpu_utilization_ratio"),
               quantile(0.1, "brightrun_training_gpu_utilization_ratio")), warn=0.6, bad=0.3),
        Panel("Memory of the GPU", f"Mean over all reports, and the fullest tenth. {_CPU}", "percentunit",
              (mean("brightrun_training_gpu_memory_used_ratio"),
               quantile(0.9, "brightrun_training_gpu_memory_used_ratio")), warn=0.95, bad=0.99),
    )),
    Row("Stalls", (
        Panel("Jobs that train", "Now.", "short", (highest('brightrun_jobs{status="training"}', legend="training"),)),
        Panel("Silence of a training job", "Since the last step of the job that has been silent for longest.", "s",
              (highest("brightrun_job_progress_age_seconds", legend="silence"),), warn=600, bad=1200,
              runbook="NoProgress"),
        Panel("Warnings of trainers", "By code (docs/operations.md says what to do).", "short",
              (increase("brightrun_training_warnings_total", "code"),), stacked=True),
    )),
    Row("The way of the metrics", (
        Panel("Points", "Stored, known already, dropped because their job was deleted.", "short",
              (rate("brightrun_metric_points_total", "outcome"),)),
        Panel("From the pod to the database", "Delay of points.", "s",
              (quantile(0.5, "brightrun_metric_lag_seconds"), quantile(0.95, "brightrun_metric_lag_seconds")), warn=5,
              bad=60),
        Panel("One transaction", "Time to store a batch.", "s",
              (quantile(0.5, "brightrun_metric_store_seconds"), quantile(0.95, "brightrun_metric_store_seconds"))),
    )),
    Row("Charts and output", (
        Panel("Charts", "Time to read and thin a series, by where it came from.", "s",
              (quantile(0.95, "brightrun_metric_chart_seconds", "source", over=RANGE),), bad=0.5),
        Panel("Charts from the hot window", "Share; the others are read from PostgreSQL.", "percentunit",
              (Query(f"{_HITS} / sum(rate(brightrun_metric_hot_window_total[{RATE}]))", "hits"),), warn=0.5, bad=0.1),
        Panel("Lines of output", "Of trainers, by what became of them.", "short",
              (rate("brightrun_log_lines_total", "outcome"),)),
    )),
))
