"""Composition root of metrics_ingest."""

from chassis.reconciler import every
from starlette.applications import Starlette

from chassis.clock import Clock
from chassis.runtime import ServiceRuntime, worker_app
from contracts.rpc import metrics
from contracts.streams import consumer
from services.metrics_ingest.catalogue import MetricNames
from services.metrics_ingest.charts import Charts
from services.metrics_ingest.cleaning import Cleaner
from services.metrics_ingest.handlers import job_handlers
from services.metrics_ingest.hot_window import HotWindow
from services.metrics_ingest.ingest import Ingest
from services.metrics_ingest.packing import Packer
from services.metrics_ingest.queries import Queries
from services.metrics_ingest.rewarming import Rewarmer
from services.metrics_ingest.settings import Settings
from services.metrics_ingest.store import PointStore
from services.metrics_ingest.tables import metadata


def build_runtime(settings: Settings, clock: Clock | None = None) -> ServiceRuntime:
    runtime = ServiceRuntime(settings, metadata=metadata, with_redis=True, clock=clock)
    hot = HotWindow(runtime.redis, points=settings.hot_points, ttl_s=settings.hot_ttl_s)
    _hear(runtime, settings, hot)
    _answer(runtime, settings, hot)
    packer = Packer(runtime.database, settings.pack_quiet_s)
    runtime.background("packing", lambda: every(settings.pack_interval_s, packer.pack_all))
    cleaner = Cleaner(runtime.database, hot, settings.retention_days)
    runtime.background("cleaning", lambda: every(settings.cleaning_interval_s, cleaner.clean))
    return runtime


def _hear(runtime: ServiceRuntime, settings: Settings, hot: HotWindow) -> None:
    store = PointStore(runtime.database, MetricNames(runtime.database))
    ingest = Ingest(store, hot, runtime.clock, settings.points_per_transaction)
    runtime.bus.consume_raw_batches(
        consumer("metrics_ingest_metrics"), ingest.take, max_wait_s=settings.batch_max_wait_s
    )
    runtime.bus.consume(consumer("metrics_ingest_jobs"), job_handlers())


def _answer(runtime: ServiceRuntime, settings: Settings, hot: HotWindow) -> None:
    rewarmer = Rewarmer(runtime.database, hot, settings.hot_points)
    runtime.background("rewarming", rewarmer.run)
    queries = Queries(runtime.database, hot)
    runtime.bus.serve(metrics.LATEST, queries.latest)
    runtime.bus.serve(metrics.RANGE, Charts(runtime.database, hot, rewarmer).range)
    runtime.bus.serve(metrics.EXPORT, queries.export)


def build_app(settings: Settings) -> Starlette:
    return worker_app(build_runtime(settings))
