"""Composition root of cost_guard."""

from chassis.reconciler import every
from starlette.applications import Starlette

from chassis.clock import Clock
from chassis.runtime import ServiceRuntime, worker_app
from contracts.rpc import costs
from contracts.streams import consumer
from services.cost_guard.handlers import Handlers
from services.cost_guard.queries import CostQueries
from services.cost_guard.reconciler import CostMeter
from services.cost_guard.settings import Settings
from services.cost_guard.tables import metadata


def build_runtime(settings: Settings, clock: Clock | None = None) -> ServiceRuntime:
    runtime = ServiceRuntime(settings, metadata=metadata, clock=clock)
    handlers = Handlers(settings, runtime.clock)
    runtime.bus.consume(consumer("cost_guard_jobs"), handlers.job_handlers())
    runtime.bus.consume(consumer("cost_guard_pods"), handlers.pod_handlers())
    _serve(runtime, CostQueries(runtime.database, settings, runtime.clock))
    meter = CostMeter(runtime.database, settings, runtime.clock)
    runtime.background("meter", lambda: every(settings.cost_tick_s, meter.tick))
    return runtime


def _serve(runtime: ServiceRuntime, queries: CostQueries) -> None:
    runtime.bus.serve(costs.ESTIMATE, queries.estimate)
    runtime.bus.serve(costs.RESERVE, queries.reserve)
    runtime.bus.serve(costs.RELEASE, queries.release)
    runtime.bus.serve(costs.JOB_COST, queries.job_cost)
    runtime.bus.serve(costs.BUDGET, queries.budget)
    runtime.bus.serve(costs.SET_BUDGET, queries.set_budget)
    runtime.bus.serve(costs.RATES, queries.rates)
    runtime.bus.serve(costs.SET_RATE, queries.set_rate)


def build_app(settings: Settings) -> Starlette:
    return worker_app(build_runtime(settings))
