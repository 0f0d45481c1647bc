"""Events in: intents and facts are written down; nothing slow happens here."""

from typing import Annotated, Any

from chassis.messaging.context import FromContext, WithClock
from chassis.messaging.events import EventRouter, Tx, about
from contracts import events as facts
from contracts.envelope import Event
from contracts.streams import consumer
from services.provisioner.application.commands import jobs as commands
from services.provisioner.application.commands import training as reports
from services.provisioner.application.pod_events import SOURCE
from services.provisioner.domain.model import JobState
from services.provisioner.domain.policy import Policy

events = EventRouter()
jobs = events.durable(consumer("provisioner_jobs"))
pods = events.durable(consumer("provisioner_pods"))
training = events.durable(consumer("provisioner_training"))

WithPolicy = Annotated[Policy, FromContext("policy")]
ProviderName = Annotated[str, FromContext("provider.name")]


@jobs(filter=about(facts.JobStartRequested))
async def on_job_start_requested(event: Event[Any], tx: Tx, clock: WithClock, provider: ProviderName) -> None:
    await commands.start_job(tx, event.data, provider=provider, now=clock.now(), traceparent=event.traceparent)


@jobs(filter=about(facts.JobCancelRequested, facts.JobCancelled))
async def on_job_cancelled(event: Event[Any], tx: Tx, clock: WithClock, policy: WithPolicy) -> None:
    await commands.end_job(tx, event.data.job_id, event.data.workspace_id, JobState.CANCELLED,
                           event.data.reason or "cancelled", policy=policy, now=clock.now())


@jobs(filter=about(facts.JobCompleted))
async def on_job_completed(event: Event[Any], tx: Tx, clock: WithClock, policy: WithPolicy) -> None:
    await commands.end_job(tx, event.data.job_id, event.data.workspace_id, JobState.FINISHED, "completed",
                           policy=policy, now=clock.now(), completed=True)


@jobs(filter=about(facts.JobFailed))
async def on_job_failed(event: Event[Any], tx: Tx, clock: WithClock, policy: WithPolicy) -> None:
    await commands.end_job(tx, event.data.job_id, event.data.workspace_id, JobState.FINISHED, "failed",
                           policy=policy, now=clock.now())


@pods(filter=about(facts.PodInterrupted))
async def on_pod_interrupted(event: Event[Any], tx: Tx, clock: WithClock, policy: WithPolicy) -> None:
    if event.source != SOURCE:
        await reports.interrupt_attempt(tx, event.data, policy=policy, now=clock.now())


@training(filter=about(facts.TrainingStarted))
async def on_training_started(event: Event[Any], tx: Tx, clock: WithClock) -> None:
    await reports.note_training_started(tx, event.data, now=clock.now())


@training(filter=about(facts.TrainingCompleted))
async def on_training_completed(event: Event[Any], tx: Tx, clock: WithClock, policy: WithPolicy) -> None:
    await reports.complete_training(tx, event.data, policy=policy, now=clock.now())


@training(filter=about(facts.TrainingFailed))
async def on_training_failed(event: Event[Any], tx: Tx, clock: WithClock, policy: WithPolicy) -> None:
    await reports.fail_training(tx, event.data, policy=policy, now=clock.now())


@training(filter=about(facts.CheckpointSaved))
async def on_checkpoint_saved(event: Event[Any], tx: Tx, clock: WithClock) -> None:
    await reports.save_checkpoint(tx, event.data, now=clock.now())
