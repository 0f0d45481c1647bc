"""Prometheus metrics of money. No label carries a job's or a workspace's id."""

from prometheus_client import Counter, Gauge, Histogram

METER_FAILURES = Counter(
    "brightrun_cost_meter_failures", "Jobs and workspaces that could not be metered; tried again at the next tick"
)
CORRECTIONS = Counter(
    "brightrun_billing_corrections",
    "Bills that were brought to the provider's times: opened (never heard of), closed (its end was never heard), "
    "corrected (its times or its price), unlisted (the provisioner knows no such machine and its job has ended)",
    ["kind"],
)
CORRECTION_FAILURES = Counter(
    "brightrun_billing_correction_failures", "Bills that could not be corrected; tried again at the next comparison"
)
SPENT = Gauge("brightrun_month_spend_usd", "Spent in this month, all workspaces together")
RESERVED = Gauge("brightrun_reserved_usd", "Held for open jobs beyond what they have cost, all workspaces together")
BUDGET = Gauge("brightrun_month_budget_usd", "Budgets of this month, all workspaces together")
BUDGET_USED = Gauge(
    "brightrun_budget_used_ratio", "Spent of the budget in the workspace that is nearest to its end; 1: all of it")
OVER_BUDGET = Gauge("brightrun_workspaces_over_budget", "Workspaces that have spent their whole budget of this month")
BURN = Gauge("brightrun_burn_usd_per_hour", "What all machines that are billed now cost in an hour")
OVERRUNS = Counter("brightrun_cost_overruns", "Jobs that cost more than their estimate and its tolerance")
ESTIMATE_RATIO = Histogram(
    "brightrun_cost_estimate_ratio", "Cost of a completed job divided by its estimate",
    buckets=(0.25, 0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.5, 2.0, 4.0))
for _kind in ("opened", "closed", "corrected", "unlisted"):
    CORRECTIONS.labels(_kind)  # every series exists from the start: a first correction is a step that `rate()` sees
