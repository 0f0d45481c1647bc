"""Prometheus figures of the provisioner."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from contracts.money import MICRO_USD_PER_USD
from services.provisioner.domain.model import PodStatus

_STARTUP_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60, 120, 300, 600, 1200)


class Metrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.pods = Gauge("provisioner_pods", "Pods that are not terminated", ("status",), registry=registry)
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

    def count_leaked(self, provider: str, micro_usd: int) -> None:
        self.leaked_usd.labels(provider).inc(micro_usd / MICRO_USD_PER_USD)

    def show_pods(self, counts: dict[PodStatus, int]) -> None:
        for status in PodStatus:
            if status is not PodStatus.TERMINATED:
                self.pods.labels(status.value).set(counts.get(status, 0))
