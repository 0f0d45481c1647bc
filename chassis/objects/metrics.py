"""Prometheus metrics of the object storage, as its clients see it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Histogram

OPERATIONS = ("put", "put_stream", "get", "open", "head", "list", "delete", "copy", "ping")
SECONDS = Histogram(
    "brightrun_object_store_duration_seconds",
    "Time of one operation; of a stream that is read, until it is open",
    ["operation"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120),
)
FAILURES = Counter(
    "brightrun_object_store_failures", "Operations that failed; an object that does not exist is none", ["operation"])


def prepare() -> None:
    """Make every series exist from the start."""
    for operation in OPERATIONS:
        SECONDS.labels(operation)
        FAILURES.labels(operation)


@contextmanager
def timed(operation: str) -> Iterator[None]:
    began = time.perf_counter()
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception:
        FAILURES.labels(operation).inc()
        raise
    finally:
        SECONDS.labels(operation).observe(time.perf_counter() - began)
