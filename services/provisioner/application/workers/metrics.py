"""Prometheus figures of the provisioner."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from contracts.gpus import PricingTier
from contracts.money import MICRO_USD_PER_USD
from services.provisioner.domain.model import PodStatus
from services.provisioner.domain.retry_counters import Cause

_STARTUP_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60, 120, 300, 600, 1200)


class Metrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.pods = Gauge("provisioner_pods", "Pods that are not terminated", ("status",), registry=registry)
        self.machines = Gauge("provisioner_machines", "Machines that cost money now, as far as the provider has told",
                              ("provider", "tier"), registry=registry)
        self.request_age = Gauge("provisioner_request_age_seconds", "Since when the pod that has waited longest for a "
                                 "machine has waited; 0 when none waits", registry=registry)
        self.never_started = Counter("provisioner_never_started_total", "Attempts that ended without ever having had a "
                                     "machine, and not by their user's wish", registry=registry)
        self.interruptions = Counter("provisioner_interruptions_total", "Attempts that ended early", ("cause",),
                                     registry=registry)
        self.time_to_running = Histogram("provisioner_time_to_running_seconds", "From the intent to a running machine",
                                         registry=registry, buckets=_STARTUP_BUCKETS)
        self.leaked = Counter("provisioner_leaked_pods_total", "Machines found without a job and terminated",
                              registry=registry)
        self.leaked_usd = Counter(
            "provisioner_leaked_usd_total", "Dollars spent on machines that no job knows, that outlived what they were "
            "made for by more than a minute, or that were made twice", ("provider",), registry=registry)
        self.provider_errors = Counter("provisioner_provider_errors_total", "Failed calls to the provider", ("call",),
                                       registry=registry)
        self.repeated_results = Counter("provisioner_results_repeated_total",
                                       "Results found in the object store because their events were never received",
                                       registry=registry)

        self._prepare()

    def _prepare(self) -> None:
        """Make every series exist from the start: a first failure is then a step that `rate()` sees."""
        for cause in Cause:
            self.interruptions.labels(cause.value)
        for call in ("create", "describe", "terminate"):
            self.provider_errors.labels(call)

    def count_leaked(self, provider: str, micro_usd: int) -> None:
        self.leaked_usd.labels(provider).inc(micro_usd / MICRO_USD_PER_USD)

    def show_machines(self, provider: str, rented: Mapping[tuple[str, str], int], oldest_request_s: float) -> None:
        """`rented`: (provider, tier) -> machines."""
        self.machines.clear()
        for key in {(provider, tier.value) for tier in PricingTier} | rented.keys():
            self.machines.labels(*key).set(rented.get(key, 0))
        self.request_age.set(oldest_request_s)

    def show_pods(self, counts: dict[PodStatus, int]) -> None:
        for status in PodStatus:
            if status is not PodStatus.TERMINATED:
                self.pods.labels(status.value).set(counts.get(status, 0))
