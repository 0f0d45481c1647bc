"""Composition root of the validator."""

from starlette.applications import Starlette

from chassis.runtime import ServiceRuntime, worker_app
from services.validator import subscribers
from services.validator.adapters.tables import metadata
from services.validator.settings import Settings


def build_runtime(settings: Settings) -> ServiceRuntime:
    runtime = ServiceRuntime(settings, metadata=metadata)
    runtime.include(subscribers.events, subscribers.requests)
    return runtime


def build_app(settings: Settings) -> Starlette:
    return worker_app(build_runtime(settings))
