"""Prometheus metrics of money. No label carries a job's or a workspace's id."""

from prometheus_client import Counter

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
for _kind in ("opened", "closed", "corrected", "unlisted"):
    CORRECTIONS.labels(_kind)  # every series exists from the start: a first correction is a step that `rate()` sees
