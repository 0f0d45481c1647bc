"""Money: what is spent, what may be, and how good estimates are."""

from ops.dashboards.model import Dashboard, Panel, Query, Row
from ops.dashboards.promql import RANGE, highest, increase, mean, quantile

BOARD = Dashboard("money", "money", "Spend, budgets, overruns and the error of estimates, all workspaces together.", (
    Row("Now", (
        Panel("Burn rate", "What the machines that are billed now cost in an hour.", "currencyUSD",
              (highest("brightrun_burn_usd_per_hour", legend="an hour"),), runbook="SpendingTooFast"),
        Panel("This month", "Spent, held for open jobs, and the budgets together.", "currencyUSD",
              (highest("brightrun_month_spend_usd", legend="spent"), highest("brightrun_reserved_usd", legend="held"),
               highest("brightrun_month_budget_usd", legend="budgets"))),
        Panel("Nearest to its budget's end", "Spent of the budget, of the workspace that has used most of its own.",
              "percentunit", (highest("brightrun_budget_used_ratio", legend="used"),), kind="stat", width=4, warn=0.8,
              bad=0.95, runbook="BudgetNearlySpent"),
        Panel("Over budget", "Workspaces that have spent all of it.", "short",
              (highest("brightrun_workspaces_over_budget", legend="workspaces"),), kind="stat", width=4, bad=1,
              runbook="BudgetNearlySpent"),
    )),
    Row("Estimates", (
        Panel("Cost divided by estimate", "Of jobs that completed: 1 is exact, 2 is twice as dear.", "short",
              (quantile(0.5, "brightrun_cost_estimate_ratio", over=RANGE),
               quantile(0.9, "brightrun_cost_estimate_ratio", over=RANGE),
               mean("brightrun_cost_estimate_ratio", over=RANGE))),
        Panel("Within a fifth", "Share of completed jobs that cost at most 1.2 times their estimate.", "percentunit",
              (Query(f'sum(increase(brightrun_cost_estimate_ratio_bucket{{le="1.2"}}[{RANGE}])) / '
                     f"sum(increase(brightrun_cost_estimate_ratio_count[{RANGE}]))", "within"),), kind="stat", width=8,
              warn=0.9, bad=0.7),
        Panel("Overruns", "Jobs that cost more than their estimate and its tolerance, in the time shown.", "short",
              (increase("brightrun_cost_overruns_total", over=RANGE, legend="overruns"),), kind="stat"),
    )),
    Row("Bills", (
        Panel("Bills that were corrected", "Brought to the provider's times by the hourly comparison.", "short",
              (increase("brightrun_billing_corrections_total", "kind"),), stacked=True),
        Panel("Not metered", "Jobs that could not be metered; tried again at the next tick.", "short",
              (increase("brightrun_cost_meter_failures_total", legend="failures"),), bad=1, runbook="MeterFails"),
        Panel("Dollars leaked", "On machines that no job wanted, in the time shown.", "currencyUSD",
              (increase("provisioner_leaked_usd_total", over=RANGE, legend="leaked"),), kind="stat", bad=0.01,
              runbook="PodLeaked"),
    )),
))
