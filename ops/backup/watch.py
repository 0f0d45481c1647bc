"""`watch`: a base backup every day, and every few seconds what changed since; health and metrics over HTTP."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import structlog
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from chassis.observability.health import OK, CheckResult, Health
from chassis.web.operations import operation_routes
from ops.backup import changes, postgres
from ops.backup.create import BackupMaker
from ops.backup.errors import BackupError
from ops.backup.installation import Installation
from ops.backup.manifest import Manifest, all_manifests
from ops.backup.metrics import BackupMetrics
from ops.backup.objects import BucketCopier
from ops.backup.prune import prune
from ops.backup.repository import Repository
from ops.backup.settings import BackupSettings
from ops.backup.shipping import Shipper, WalReceiver

_log = structlog.get_logger(__name__)


class Watch:
    """All its work is done by one thread; `run` returns when it was told to stop, after a last look."""

    def __init__(
        self, settings: BackupSettings, installation: Installation, repository: Repository, registry: CollectorRegistry
    ) -> None:
        self._settings, self._installation, self._repository = settings, installation, repository
        self.metrics, self.failure = BackupMetrics(registry), ""
        self.shipped_at: datetime | None = None
        self._copier = BucketCopier(installation.buckets, repository)
        self._receiver = WalReceiver(installation.postgres, settings.work_dir / "wal")
        self._newest: Manifest | None = None
        self._shipper: Shipper | None = None
        self.stopping = threading.Event()

    def run(self) -> None:
        try:
            while not self.stopping.wait(0):
                self._look()
                self.stopping.wait(self._settings.backup_every_s)
            self._look()
        finally:
            self._receiver.stop()

    def _look(self) -> None:
        task = "ship"
        try:
            self._receiver.ensure()
            shipper = self._shipper or self._begin()
            if self._receiver.has_gap or self._is_due():
                task = "base"
                self._base(shipper)
                task = "ship"
            self.shipped_at = shipper.ship()
            self.metrics.shipped.set(self.shipped_at.timestamp())
            self.failure = ""
        except Exception as error:  # the next look tries again; meanwhile health and metrics say so
            self.failure = str(error)
            self.metrics.failures.labels(task).inc()
            _log.warning("backup_failed", task=task, error=str(error), exc_info=not isinstance(error, BackupError))

    def _begin(self) -> Shipper:
        """At the first look that works whatever is not known yet is found out."""
        cluster = postgres.identify(self._installation.postgres)
        shipper = Shipper(cluster.system_identifier, self._receiver, self._copier, self._repository)
        self._remember(cluster, shipper)
        self._shipper = shipper
        return shipper

    def _remember(self, cluster: postgres.Identity, shipper: Shipper) -> None:
        """The newest backup of this cluster, and what the buckets held when it was last looked at."""
        found = [manifest for manifest in all_manifests(self._repository)
                 if manifest.cluster.system_identifier == cluster.system_identifier
                 and manifest.cluster.timeline == cluster.timeline]
        if not found:
            return
        self._newest = found[-1]
        self.metrics.succeeded(self._newest)
        shipper.catalog = changes.applied(
            changes.read_catalog(self._repository, self._newest.catalog),
            changes.changes_after(self._repository, cluster.system_identifier, self._newest.catalog_at))

    def _is_due(self) -> bool:
        every = timedelta(hours=self._settings.backup_base_every_h)
        return self._newest is None or datetime.now(UTC) - self._newest.began_at > every

    def _base(self, shipper: Shipper) -> None:
        maker = BackupMaker(self._installation, self._repository, self._settings.work_dir, self._copier)
        self._newest = maker.create()
        self._receiver.has_gap = False
        self.metrics.succeeded(self._newest)
        shipper.catalog = changes.read_catalog(self._repository, self._newest.catalog)
        _log.info("backup_made", backup=self._newest.id, bytes=self._newest.size)
        gone = prune(self._repository, self._settings.backup_keep_days, self._settings.backup_keep_weeks)
        if gone:
            _log.info("backups_removed", backups=gone)
        self._copier.forget()

    async def check(self) -> CheckResult:
        late_s = 10 * self._settings.backup_every_s + 60
        if self.failure:
            return CheckResult("failed", self.failure)
        if self.shipped_at is not None and (age := (datetime.now(UTC) - self.shipped_at).total_seconds()) > late_s:
            return CheckResult("failed", f"nothing was shipped for {age:.0f} s")
        return OK


def watch_app(watch: Watch, registry: CollectorRegistry, patience_s: float) -> Starlette:
    health = Health("backup")
    health.add("backup", watch.check, critical=False)
    health.started = True

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        working = asyncio.create_task(asyncio.to_thread(watch.run))
        yield
        watch.stopping.set()
        await asyncio.wait([working], timeout=patience_s)

    return Starlette(routes=operation_routes(health, registry), lifespan=lifespan)
