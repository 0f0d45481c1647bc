"""Composition root of the validator."""

from starlette.applications import Starlette

from chassis.runtime import ServiceRuntime, worker_app
from services.validator import subscribers
from services.validator.adapters.tables import metadata
from services.validator.application import workers
from services.validator.settings import Settings


def build_runtime(settings: Settings) -> ServiceRuntime:
    runtime = ServiceRuntime(settings, metadata=metadata)
    runtime.include(subscribers.events, subscribers.requests)
    # Rows that a replica of an older version writes during an upgrade are found the next time.
    runtime.periodic("judging again", 3600.0, lambda: workers.judge_outdated(runtime.database, runtime.clock))
    return runtime


def build_app(settings: Settings) -> Starlette:
    return worker_app(build_runtime(settings))
