"""Prometheus metrics of money. No label carries a job's or a workspace's id."""

from prometheus_client import Counter

METER_FAILURES = Counter(
    "brightrun_cost_meter_failures", "Jobs and workspaces that could not be metered; tried again at the next tick"
)
