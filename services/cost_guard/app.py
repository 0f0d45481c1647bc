"""Composition root of cost_guard."""

from starlette.applications import Starlette

from chassis.clock import Clock
from chassis.runtime import ServiceRuntime, worker_app
from services.cost_guard.adapters.tables import metadata
from services.cost_guard.application.workers.meter import CostMeter
from services.cost_guard.settings import Settings
from services.cost_guard.subscribers.events import events
from services.cost_guard.subscribers.requests import requests


def build_runtime(settings: Settings, clock: Clock | None = None) -> ServiceRuntime:
    runtime = ServiceRuntime(settings, metadata=metadata, clock=clock)
    runtime.include(events, requests)
    meter = CostMeter(runtime.database, settings, runtime.clock)
    runtime.periodic("meter", settings.cost_tick_s, meter.tick)
    return runtime


def build_app(settings: Settings) -> Starlette:
    return worker_app(build_runtime(settings))
