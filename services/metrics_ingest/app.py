"""Composition root of metrics_ingest."""

from starlette.applications import Starlette

from chassis.clock import Clock
from chassis.database.scope import in_every_workspace
from chassis.runtime import ServiceRuntime, worker_app
from contracts.streams import consumer
from services.metrics_ingest.adapters.hot_window import RedisHotWindow
from services.metrics_ingest.adapters.tables import metadata
from services.metrics_ingest.application.commands.store_lines import StoreLines
from services.metrics_ingest.application.commands.store_reports import StoreReports
from services.metrics_ingest.application.queries.charts import Charts
from services.metrics_ingest.application.workers.cleaning import Cleaner
from services.metrics_ingest.application.workers.packing import Packer
from services.metrics_ingest.application.workers.rewarming import Rewarmer
from services.metrics_ingest.ports import HotWindow
from services.metrics_ingest.settings import Settings
from services.metrics_ingest.subscribers.events import events
from services.metrics_ingest.subscribers.reports import ReportBatches
from services.metrics_ingest.subscribers.requests import requests


def build_runtime(settings: Settings, clock: Clock | None = None) -> ServiceRuntime:
    runtime = ServiceRuntime(settings, metadata=metadata, with_redis=True, clock=clock)
    hot = RedisHotWindow(runtime.redis, points=settings.hot_points, ttl_s=settings.hot_ttl_s)
    _subscribe(runtime, settings, hot)
    _work(runtime, settings, hot)
    return runtime


def _subscribe(runtime: ServiceRuntime, settings: Settings, hot: HotWindow) -> None:
    rewarmer = Rewarmer(runtime.database, hot, settings.hot_points)
    runtime.background("rewarming", rewarmer.run)
    charts, store_lines = Charts(runtime.database, hot, rewarmer), StoreLines(settings.log_bytes_per_job)
    runtime.include(events, requests, hot=hot, charts=charts, store_lines=store_lines)
    store = StoreReports(runtime.database, hot, runtime.clock, settings.points_per_job)
    batches = ReportBatches(store, settings.points_per_transaction)
    runtime.bus.consume_raw_batches(
        # A batch holds points of many workspaces' jobs.
        consumer("metrics_ingest_metrics"), in_every_workspace(batches.take), max_wait_s=settings.batch_max_wait_s
    )


def _work(runtime: ServiceRuntime, settings: Settings, hot: HotWindow) -> None:
    runtime.periodic("packing", settings.pack_interval_s, Packer(runtime.database, settings.pack_quiet_s).pack_all)
    cleaner = Cleaner(runtime.database, hot, settings.retention_days, settings.log_retention_days)
    runtime.periodic("cleaning", settings.cleaning_interval_s, cleaner.clean)


def build_app(settings: Settings) -> Starlette:
    return worker_app(build_runtime(settings))
