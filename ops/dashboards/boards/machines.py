"""Machines: what is rented, what is lost, what is wasted."""

from ops.dashboards.model import Dashboard, Panel, Query, Row
from ops.dashboards.promql import RANGE, highest, increase, quantile

BOARD = Dashboard("machines", "machines", "What is rented now, what interrupts it, and what is spent for nothing.", (
    Row("Now", (
        Panel("Rented machines", "That cost money now, by provider and kind of capacity.", "short",
              (highest("provisioner_machines", "provider", "tier"),), stacked=True),
        Panel("Pods by status", "`terminating` is billed until the provider says that it is gone.", "short",
              (highest("provisioner_pods", "status"),), stacked=True),
        Panel("Longest wait for a machine", "Of pods that have none yet.", "s",
              (highest("provisioner_request_age_seconds", legend="wait"),), warn=600, bad=3600,
              runbook="MachineWaitsLong"),
    )),
    Row("Interruptions", (
        Panel("Attempts that ended early", "By cause.", "short",
              (increase("provisioner_interruptions_total", "cause"),), stacked=True),
        Panel("Who noticed the loss", "The trainer (sigterm), missing heartbeats, or the provider.", "short",
              (increase("brightrun_job_interruptions_total", "detected_by"),), stacked=True),
        Panel("Recovery", "From the loss of a machine to the next training step.", "s",
              (quantile(0.5, "brightrun_job_recovery_duration_seconds", over=RANGE),
               quantile(0.95, "brightrun_job_recovery_duration_seconds", over=RANGE)), warn=300, bad=900,
              runbook="RecoveryTooLong"),
    )),
    Row("Starts", (
        Panel("From the request to a running machine", "Of attempts.", "s",
              (quantile(0.5, "provisioner_time_to_running_seconds", over=RANGE),
               quantile(0.95, "provisioner_time_to_running_seconds", over=RANGE)), bad=600,
              runbook="MachineBudgetBurnsFast"),
        Panel("Late or never", "Share of attempts without a machine after ten minutes; promised is 5 % at most.",
              "percentunit", (Query("brightrun:machine_late:ratio_rate6h", "six hours"),
                              Query("brightrun:machine_late:ratio_rate30m", "half an hour")), bad=0.05,
              runbook="MachineBudgetBurnsSlowly"),
        Panel("Failed calls to the provider", "By call.", "short",
              (increase("provisioner_provider_errors_total", "call"),), runbook="ProviderFails"),
    )),
    Row("Waste", (
        Panel("Dollars leaked", "On machines that no job wanted, in the time shown. It should be 0.", "currencyUSD",
              (increase("provisioner_leaked_usd_total", "provider", over=RANGE),), kind="stat", bad=0.01,
              runbook="PodLeaked"),
        Panel("Machines leaked", "Found without a job and ended, in the time shown. It should be 0.", "short",
              (increase("provisioner_leaked_pods_total", over=RANGE, legend="machines"),), kind="stat", bad=1,
              runbook="PodLeaked"),
        Panel("Results found in the object store", "Whose events were never received: trainers that could not tell.",
              "short", (increase("provisioner_results_repeated_total", over=RANGE, legend="results"),), kind="stat"),
    )),
))
