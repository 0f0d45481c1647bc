"""Composition root of cost_guard."""

from starlette.applications import Starlette

from chassis.clock import Clock
from chassis.runtime import ServiceRuntime, worker_app
from services.cost_guard.adapters.provisioner import ProvisionerMachines, ProvisionerPrices
from services.cost_guard.adapters.tables import metadata
from services.cost_guard.application.workers.figures import show_money
from services.cost_guard.application.workers.meter import CostMeter
from services.cost_guard.application.workers.reconciliation import BillingReconciliation
from services.cost_guard.settings import Settings
from services.cost_guard.subscribers.events import events
from services.cost_guard.subscribers.requests import requests

# How often a replica looks whether it is time: whoever comes first after a restart does not start the hour anew.
_LOOK_S = 10.0


def build_runtime(settings: Settings, clock: Clock | None = None) -> ServiceRuntime:
    runtime = ServiceRuntime(settings, metadata=metadata, clock=clock)
    runtime.include(events, requests, prices=ProvisionerPrices(runtime.bus, runtime.clock))
    meter = CostMeter(runtime.database, settings, runtime.clock)
    runtime.periodic("meter", meter.look_s, meter.run)
    reconciliation = BillingReconciliation(
        runtime.database, ProvisionerMachines(runtime.bus), settings, runtime.clock
    )
    runtime.periodic("money figures", settings.figures_interval_s, lambda: show_money(runtime.database, runtime.clock))
    often = min(_LOOK_S, settings.reconcile_interval_s)
    runtime.periodic("billing_reconciliation", often, reconciliation.run)
    return runtime


def build_app(settings: Settings) -> Starlette:
    return worker_app(build_runtime(settings))
