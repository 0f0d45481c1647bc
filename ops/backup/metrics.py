"""What Prometheus is told: by `watch` at its port, by `create` in a file for the node exporter's textfile collector."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, write_to_textfile

from ops.backup.manifest import Manifest

TEXTFILE = "brightrun_backup.prom"
TASKS = ("base", "ship")


class BackupMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self.last_success = Gauge("brightrun_backup_last_success_timestamp_seconds",
                                  "When the newest backup was complete", registry=registry)
        self.size = Gauge("brightrun_backup_size_bytes", "What the newest backup takes, its objects included",
                          registry=registry)
        self.shipped = Gauge("brightrun_backup_shipped_timestamp_seconds",
                             "Up to which moment a restore brings everything back", registry=registry)
        self.failures = Counter("brightrun_backup_failures", "Backups (base) and looks at what changed (ship) that "
                                "failed", ["task"], registry=registry)
        for task in TASKS:
            self.failures.labels(task)

    def succeeded(self, manifest: Manifest) -> None:
        self.last_success.set(manifest.finished_at.timestamp())
        self.size.set(manifest.size)

    def write_textfile(self, folder: Path) -> None:
        """Replaced in one step, readable by others: it holds three figures."""
        path = folder / TEXTFILE
        write_to_textfile(str(path), self._registry)
        path.chmod(0o644)
