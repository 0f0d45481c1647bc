"""What the validator subscribes to, and the requests it answers."""

from typing import Any

from chassis.messaging.context import WithClock, WithDatabase
from chassis.messaging.events import EventRouter, Tx, about
from chassis.messaging.requests import RequestRouter
from chassis.messaging.retry import Permanent
from contracts.envelope import Event
from contracts.events import EvaluationGenerated
from contracts.rpc.validation import EVALUATION, EvaluationQuery, EvaluationView
from contracts.streams import consumer
from services.validator.application import commands, queries
from services.validator.domain.clusters import UnusableEvaluation

events = EventRouter()
evaluations = events.durable(consumer("validator_evaluations"))
requests = RequestRouter()


@evaluations(filter=about(EvaluationGenerated))
async def on_evaluation_generated(event: Event[Any], tx: Tx, clock: WithClock) -> None:
    try:
        await commands.record_evaluation(tx, event, clock.now())
    except UnusableEvaluation as error:
        raise Permanent(str(error)) from error


@requests.rpc(EVALUATION)
async def evaluation(request: EvaluationQuery, database: WithDatabase) -> EvaluationView:
    return await queries.evaluation(database, request)
