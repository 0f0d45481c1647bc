"""What the validator hears and answers."""

from typing import Any

from chassis.messaging.context import WithClock, WithDatabase
from chassis.messaging.events import EventRouter, Tx, about
from chassis.messaging.requests import RequestRouter
from contracts.envelope import Event
from contracts.events import EvaluationGenerated
from contracts.rpc.validation import EVALUATION, EvaluationQuery, EvaluationView
from contracts.streams import consumer
from services.validator.application import commands, queries

events = EventRouter()
training = events.durable(consumer("validator_training"))
requests = RequestRouter()


@training(filter=about(EvaluationGenerated))
async def on_evaluation_generated(event: Event[Any], tx: Tx, clock: WithClock) -> None:
    await commands.record_evaluation(tx, event, clock.now())


@requests.rpc(EVALUATION)
async def evaluation(request: EvaluationQuery, database: WithDatabase) -> EvaluationView:
    return await queries.evaluation(database, request)
