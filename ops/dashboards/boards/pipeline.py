"""Jobs on their way: where they stand, how long they wait, how they end."""

from ops.dashboards.model import Dashboard, Panel, Query, Row
from ops.dashboards.promql import RANGE, highest, increase, quantile

_ENDED = "brightrun_jobs_ended_total"
_DECIDED = f'sum(increase({_ENDED}{{outcome=~"completed|failed"}}[{RANGE}]))'

BOARD = Dashboard("pipeline", "jobs", "Jobs by status, how long they wait in each stage, and how they end.", (
    Row("Now", (
        Panel("Jobs that have not ended", "By status, all workspaces together.", "short",
              (highest("brightrun_jobs", "status"),), stacked=True),
        Panel("Longest in its status", "Since when the job that has had a status longest has had it.", "s",
              (highest('brightrun_job_status_age_seconds{status!~"pending|training|paused"}', "status"),),
              warn=900, bad=7200, runbook="JobStuckInStage"),
        Panel("Silence of a training job", "Since the last step of the job that has been silent for longest.", "s",
              (highest("brightrun_job_progress_age_seconds", legend="silence"),), warn=600, bad=1200,
              runbook="NoProgress"),
    )),
    Row("Ends", (
        Panel("Success", "Completed, of all that completed or failed in the time shown.", "percentunit",
              (Query(f'sum(increase({_ENDED}{{outcome="completed"}}[{RANGE}])) / ({_DECIDED} > 0)', "success"),),
              kind="stat", width=6, warn=0.95, bad=0.8),
        Panel("Jobs that ended", "By how.", "short", (increase(_ENDED, "outcome"),), width=9, stacked=True),
        Panel("Failures", "By the class of the error (docs/errors.md).", "short",
              (increase("brightrun_job_failures_total", "error_type"),), width=9, stacked=True),
    )),
    Row("Waiting times", (
        Panel("Half of the jobs leave a status within", "Over the time shown.", "s",
              (quantile(0.5, "brightrun_job_status_duration_seconds", "status", over=RANGE),)),
        Panel("95 % of the jobs leave a status within", "Over the time shown.", "s",
              (quantile(0.95, "brightrun_job_status_duration_seconds", "status", over=RANGE),)),
        Panel("From the request to a running machine", "Of attempts, those after an interruption included.", "s",
              (quantile(0.5, "provisioner_time_to_running_seconds"),
               quantile(0.95, "provisioner_time_to_running_seconds")), bad=600, runbook="MachineBudgetBurnsFast"),
    )),
))
