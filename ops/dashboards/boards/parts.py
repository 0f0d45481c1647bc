"""The parts: services, PostgreSQL, NATS, Valkey, object storage, disks."""

from ops.dashboards.model import Dashboard, Panel, Query, Row
from ops.dashboards.promql import RATE, highest, increase, quantile, rate, total

_HIT = f'sum by (service) (rate(brightrun_postgres_blocks_read_total{{source="cache"}}[{RATE}]))'
_LOOKUP = f'sum(rate(brightrun_valkey_lookups_total{{outcome="hit"}}[{RATE}]))'

BOARD = Dashboard("parts", "parts", "Services and the servers that they use.", (
    Row("Services", (
        Panel("Replicas that answer", "By service.", "short", (total('up{job="brightrun"}', "service"),), warn=1,
              bad=0.5, runbook="ServiceDown"),
        Panel("Failing checks", "1: the check finds something wrong; /health/ready says what.", "short",
              (Query("1 - min by (service, check) (brightrun_health_check_ok)", "{{service}} {{check}}"),), bad=1,
              runbook="CheckFails"),
        Panel("Background tasks that failed", "They are started again.", "short",
              (increase("brightrun_background_failures_total", "service", "task"),), runbook="BackgroundTaskFails"),
        Panel("Memory", "Resident, of all replicas.", "bytes", (total("process_resident_memory_bytes", "service"),)),
        Panel("Processor", "Cores in use.", "short", (rate("process_cpu_seconds_total", "service"),)),
        Panel("Disks", "Free, of the file system of each service's data.", "percentunit",
              (Query("min by (service) (brightrun_disk_free_bytes / brightrun_disk_size_bytes)", "{{service}}"),),
              warn=0.2, bad=0.1, runbook="DiskNearlyFull"),
    )),
    Row("PostgreSQL", (
        Panel("Connections of the server", "And how many it takes.", "short",
              (highest("brightrun_postgres_connections", legend="used"),
               highest("brightrun_postgres_connections_limit", legend="limit")),
              runbook="PostgresConnectionsNearlyUsed"),
        Panel("Connections in use by pool", "Lent to a request or a task.", "short",
              (total('brightrun_database_pool_connections{state="in_use"}', "service", "pool"),),
              runbook="PoolExhausted"),
        Panel("Size of databases", "By service.", "bytes",
              (highest("brightrun_postgres_database_size_bytes", "service"),)),
        Panel("Transactions", "By service and outcome.", "ops",
              (rate("brightrun_postgres_transactions_total", "service", "outcome"),)),
        Panel("Blocks found in memory", "Share; the others are read from disk.", "percentunit",
              (Query(f"{_HIT} / sum by (service) (rate(brightrun_postgres_blocks_read_total[{RATE}]))",
                     "{{service}}"),)),
        Panel("Deadlocks", "One of the two is tried again.", "short",
              (increase("brightrun_postgres_deadlocks_total", "service"),)),
    )),
    Row("NATS", (
        Panel("Connected", "1 while the service has its connection.", "short",
              (highest("brightrun_nats_connected", "service"),), runbook="BrokerAway"),
        Panel("Round trip", "A ping of the keeper of the topology.", "s",
              (highest("brightrun_nats_round_trip_seconds", legend="ping"),), warn=0.1, bad=1),
        Panel("On disk", "All streams.", "bytes", (total("brightrun_stream_bytes", legend="streams"),)),
    )),
    Row("Valkey", (
        Panel("Hits", "Share of keys that were there.", "percentunit",
              (Query(f"{_LOOKUP} / sum(rate(brightrun_valkey_lookups_total[{RATE}]))", "hits"),)),
        Panel("Cache memory", "Of the data, and what they may take.", "bytes",
              (highest("brightrun_valkey_memory_bytes", legend="used"),
               highest("brightrun_valkey_memory_limit_bytes", legend="limit"))),
        Panel("Evicted keys", "That had to make place.", "short",
              (increase("brightrun_valkey_evicted_keys_total", legend="keys"),)),
    )),
    Row("Object storage", (
        Panel("Time of an operation", "95 % are faster.", "s",
              (quantile(0.95, "brightrun_object_store_duration_seconds", "operation"),)),
        Panel("Operations", "By kind.", "ops", (rate("brightrun_object_store_duration_seconds_count", "operation"),)),
        Panel("Failed operations", "An object that does not exist is none.", "short",
              (increase("brightrun_object_store_failures_total", "service", "operation"),), bad=1,
              runbook="ObjectStoreFails"),
    )),
    Row("Dates", (
        Panel("Certificates end in", "Those that BRIGHTRUN_WATCH_CERTIFICATES names.", "s",
              (Query("min by (address) (brightrun_certificate_expiry_timestamp_seconds) - time()", "{{address}}"),),
              kind="stat", width=12, warn=14 * 86400.0, bad=3 * 86400.0, runbook="CertificateEnds",
              empty_when_healthy="an installation without TLS of its own watches no address"),
        Panel("Since the last backup", "That succeeded.", "s",
              (Query("time() - brightrun:backup_last_success_timestamp_seconds:max", "age"),), kind="stat", width=12,
              warn=26 * 3600.0, bad=50 * 3600.0, runbook="BackupMissing",
              empty_when_healthy="the nightly backup runs on a server, not with `make up`"),
    )),
))
