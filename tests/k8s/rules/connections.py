"""The connections of all processes at their largest scale stay below what PostgreSQL takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.database.compiled import DriverPool
from chassis.database.engine import Database
from tests.k8s.rendered import Document, named, of_kind, services

# LISTEN: the relay, and the service's own.
LISTENERS = 2
# Reserved for the superuser, the operator's instance manager and exporter, and somebody who looks.
KEPT_FREE = 15


def most_of_a_process(database: Database) -> int:
    """As many as its pools can open, and those that listen."""
    pools = {id(pool): size for pool, size in _pools(vars(database))}
    assert pools, "the database has pools that this does not see"
    return sum(pools.values()) + LISTENERS


def _pools(values: dict[str, Any]) -> Iterator[tuple[Any, int]]:
    for value in values.values():
        if isinstance(value, AsyncEngine):
            pool: Any = value.sync_engine.pool
            yield pool, pool.size() + pool._max_overflow
        elif isinstance(value, DriverPool):
            yield value, value._size
        elif is_dataclass(value):
            yield from _pools({field.name: getattr(value, field.name) for field in fields(value)})


def most_replicas(name: str, documents: list[Document]) -> int:
    """Its scaler's largest number, and the one more of a rolling update."""
    deployment = services(documents)[name]
    scalers = [d["spec"] for d in of_kind(documents, "HorizontalPodAutoscaler", "ScaledObject")
               if d["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]]
    largest = [spec.get("maxReplicas", spec.get("maxReplicaCount")) for spec in scalers]
    return (largest or [deployment["spec"].get("replicas")])[0] + 1


def wanted(documents: list[Document], of_a_process: dict[str, int]) -> int:
    """Of all services at once, and of the Jobs of a release."""
    jobs = sum(d["metadata"]["name"].startswith("migrate") for d in of_kind(documents, "Job"))
    return sum(count * most_replicas(name, documents) for name, count in of_a_process.items()) + jobs


def offered(documents: list[Document]) -> int:
    parameters = named(documents, "Cluster", "postgres")["spec"]["postgresql"]["parameters"]
    return int(parameters["max_connections"]) - KEPT_FREE
