"""What job_api subscribes to: every event about a job becomes part of its history and moves the job. And
what it answers."""

from typing import Annotated, Any

from chassis.messaging.context import FromContext, WithDatabase
from chassis.messaging.events import EventRouter, Tx, about
from chassis.messaging.requests import RequestRouter
from chassis.messaging.retry import Permanent
from contracts import events as published
from contracts.envelope import Event
from contracts.rpc.jobs import JOB_CREATOR, JobCreator, JobCreatorQuery
from contracts.streams import consumer
from services.job_api.artifacts.application.record import record_delivery, record_validation
from services.job_api.artifacts.domain import has_adapter
from services.job_api.jobs.application.people import address_of_creator
from services.job_api.jobs.application.record_event import record_event
from services.job_api.jobs.domain.queue import QueueLimits

WithQueueLimits = Annotated[QueueLimits, FromContext("settings.queue_limits")]

events = EventRouter()
requests = RequestRouter()
pods = events.durable(consumer("job_api_pods"))
training = events.durable(consumer("job_api_training"))
evaluations = events.durable(consumer("job_api_evaluations"))
money = events.durable(consumer("job_api_costs"))
verdicts = events.durable(consumer("job_api_validation"))


@pods(filter=about(
    published.PodRequested, published.PodWaiting, published.PodRunning, published.PodInterrupted,
    published.PodFailed, published.PodTerminated))
async def on_pod_event(event: Event[Any], tx: Tx, limits: WithQueueLimits) -> None:
    await record_event(tx, event, limits)


@training(filter=about(
    published.TrainingStarted, published.TrainingStageChanged, published.TrainingResumed, published.TrainingProgressed,
    published.TrainingWarning, published.TrainingFailed, published.TrainingPaused, published.CheckpointSaved,
    published.CheckpointExpired))
async def on_training_event(event: Event[Any], tx: Tx, limits: WithQueueLimits) -> None:
    await record_event(tx, event, limits)


@evaluations(filter=about(published.EvaluationGenerated))
async def on_evaluation_generated(event: Event[Any], tx: Tx, limits: WithQueueLimits) -> None:
    await record_event(tx, event, limits)


@training(filter=about(published.TrainingCompleted))
async def on_training_completed(event: Event[Any], tx: Tx, limits: WithQueueLimits) -> None:
    if not has_adapter(event.data):
        raise Permanent("a run without an adapter is not completed")
    if await record_event(tx, event, limits):
        await record_delivery(tx, event.data)


@money(filter=about(published.CostUpdated, published.CostOverrun, published.CostLimitReached))
async def on_cost_event(event: Event[Any], tx: Tx, limits: WithQueueLimits) -> None:
    await record_event(tx, event, limits)


@verdicts(filter=about(published.ValidationUpdated))
async def on_validation_updated(event: Event[Any], tx: Tx, limits: WithQueueLimits) -> None:
    await record_event(tx, event, limits)
    await record_validation(tx, event.data)


@requests.rpc(JOB_CREATOR)
async def job_creator(query: JobCreatorQuery, database: WithDatabase) -> JobCreator:
    return JobCreator(email=await address_of_creator(database, query.workspace_id, query.job_id))
