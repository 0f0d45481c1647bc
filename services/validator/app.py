"""Composition root of the validator."""

from starlette.applications import Starlette

from chassis.runtime import ServiceRuntime, worker_app
from contracts.events import EvaluationGenerated
from contracts.rpc.validation import EVALUATION
from contracts.streams import consumer
from services.validator.handlers import on_evaluation_generated
from services.validator.queries import EvaluationQueries
from services.validator.rejudging import keep_judging_outdated
from services.validator.settings import Settings
from services.validator.tables import metadata


def build_runtime(settings: Settings) -> ServiceRuntime:
    runtime = ServiceRuntime(settings, metadata=metadata)
    runtime.bus.consume(consumer("validator_training"), {EvaluationGenerated: on_evaluation_generated})
    runtime.bus.serve(EVALUATION, EvaluationQueries(runtime.database).evaluation)
    runtime.background("rejudging", lambda: keep_judging_outdated(runtime.database))
    return runtime


def build_app(settings: Settings) -> Starlette:
    return worker_app(build_runtime(settings))
