"""Prometheus: what a process counts about itself, and how it is read."""

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, generate_latest

BACKGROUND_FAILURES = Counter(
    "brightrun_background_failures", "Times a background task raised and was started again", ["task"]
)


def exposition(registry: CollectorRegistry) -> tuple[bytes, str]:
    """(body, content type) of /metrics: this runtime's registry, then the process-wide default one."""
    return generate_latest(registry) + generate_latest(REGISTRY), CONTENT_TYPE_LATEST
