"""Every metric that our programs tell, asked of the programs themselves without starting them."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from chassis.messaging.stream_figures import StreamCollector
from chassis.observability.certificates import CertificateCollector
from chassis.observability.metrics import exposition

SERVICES = ("job_api", "provisioner", "metrics_ingest", "cost_guard", "validator", "notifier")
# Told by others: Prometheus itself, the kubelet, cert-manager, our backups, those of CloudNativePG.
FOREIGN = {
    "up", "ALERTS", "kubelet_volume_stats_available_bytes", "kubelet_volume_stats_capacity_bytes",
    "certmanager_certificate_expiration_timestamp_seconds", "brightrun_backup_last_success_timestamp_seconds",
    "barman_cloud_cloudnative_pg_io_last_available_backup_timestamp",
}
# Figures of servers, shown once they have answered.
AFTER_A_LOOK = {
    "brightrun_nats_round_trip_seconds", "brightrun_postgres_database_size_bytes", "brightrun_postgres_connections",
    "brightrun_postgres_connections_limit", "brightrun_postgres_deadlocks_total",
    "brightrun_postgres_transactions_total", "brightrun_postgres_blocks_read_total", "brightrun_valkey_lookups_total",
    "brightrun_valkey_evicted_keys_total", "brightrun_valkey_memory_bytes", "brightrun_valkey_memory_limit_bytes",
    "brightrun_valkey_clients",
}


def runtime_of(service: str, data: Path) -> Any:
    """Its composition, which touches nothing before its lifespan begins."""
    settings = importlib.import_module(f"services.{service}.settings").Settings(
        database_url="postgresql+asyncpg://nobody:none@127.0.0.1:1/none", redis_url="redis://127.0.0.1:1/0",
        s3_endpoint="http://127.0.0.1:1", s3_access_key="x" * 16, data_dir=data)
    app = importlib.import_module(f"services.{service}.app")
    made = app.create_app(settings) if service == "job_api" else app.build_app(settings)
    return made.state.runtime


def told(service: str, data: Path) -> str:
    return exposition(runtime_of(service, data).registry)[0].decode()


def all_names(data: Path) -> set[str]:
    """As queries call them: `_total`, `_bucket`, `_sum` and `_count` included."""
    keeper = CollectorRegistry()
    keeper.register(StreamCollector(None))  # type: ignore[arg-type]  nothing is asked of the broker
    keeper.register(CertificateCollector([]))
    found = {name for family in keeper.collect() for name in _names(family)}
    for service in SERVICES:
        found |= {name for family in text_string_to_metric_families(told(service, data)) for name in _names(family)}
    return found | AFTER_A_LOOK


def _names(family: Any) -> set[str]:
    if family.type == "counter":
        return {f"{family.name.removesuffix('_total')}_total"}
    if family.type == "histogram":
        return {f"{family.name}{suffix}" for suffix in ("_bucket", "_sum", "_count")}
    return {family.name}


def asked_in(expr: str) -> set[str]:
    """The metrics of a query; recorded ones have colons."""
    labels = r"\b(by|without|on|ignoring|group_left|group_right) ?\([^)]*\)"
    without = re.sub(rf'"[^"]*"|\{{[^}}]*\}}|\[[^\]]*\]|{labels}', " ", expr)
    words = set(re.findall(r"[a-zA-Z_][a-zA-Z0-9_:]*", without))
    functions = {"absent_over_time", "histogram_quantile", "group_left"}
    return {word for word in words if "_" in word or word in FOREIGN} - functions
