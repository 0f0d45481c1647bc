"""Events in: intents and facts are written down; nothing slow happens here."""

from typing import Any

from chassis.messaging.events import EventRouter, Tx, about
from contracts import events as facts
from contracts.envelope import Event
from contracts.streams import consumer
from services.provisioner.application.commands import jobs as commands
from services.provisioner.application.commands import training as reports
from services.provisioner.application.pod_events import SOURCE
from services.provisioner.domain.model import JobState
from services.provisioner.subscribers.context import ProviderName, WithDatabaseClock, WithPolicy

events = EventRouter()
jobs = events.durable(consumer("provisioner_jobs"))
pods = events.durable(consumer("provisioner_pods"))
training = events.durable(consumer("provisioner_training"))



@jobs(filter=about(facts.JobStartRequested))
async def on_job_start_requested(
    event: Event[Any], tx: Tx, clock: WithDatabaseClock, provider: ProviderName, policy: WithPolicy
) -> None:
    await commands.start_job(tx, event.data, provider=provider, policy=policy, now=await clock.now(tx),
                             traceparent=event.traceparent)


@jobs(filter=about(facts.JobPauseRequested))
async def on_job_pause_requested(event: Event[Any], tx: Tx, clock: WithDatabaseClock, policy: WithPolicy) -> None:
    await commands.pause_job(tx, event.data, policy=policy, now=await clock.now(tx))


@jobs(filter=about(facts.JobCancelRequested, facts.JobCancelled))
async def on_job_cancelled(event: Event[Any], tx: Tx, clock: WithDatabaseClock, policy: WithPolicy) -> None:
    await commands.end_job(tx, event.data.job_id, event.data.workspace_id, JobState.CANCELLED,
                           event.data.reason or "cancelled", policy=policy, now=await clock.now(tx))


@jobs(filter=about(facts.JobCompleted))
async def on_job_completed(event: Event[Any], tx: Tx, clock: WithDatabaseClock, policy: WithPolicy) -> None:
    await commands.end_job(tx, event.data.job_id, event.data.workspace_id, JobState.FINISHED, "completed",
                           policy=policy, now=await clock.now(tx), completed=True)


@jobs(filter=about(facts.JobFailed))
async def on_job_failed(event: Event[Any], tx: Tx, clock: WithDatabaseClock, policy: WithPolicy) -> None:
    await commands.end_job(tx, event.data.job_id, event.data.workspace_id, JobState.FINISHED, "failed",
                           policy=policy, now=await clock.now(tx))


@pods(filter=about(facts.PodInterrupted))
async def on_pod_interrupted(event: Event[Any], tx: Tx, clock: WithDatabaseClock, policy: WithPolicy) -> None:
    if event.source != SOURCE:
        await reports.interrupt_attempt(tx, event.data, policy=policy, now=await clock.now(tx))


@training(filter=about(facts.TrainingStarted))
async def on_training_started(event: Event[Any], tx: Tx, clock: WithDatabaseClock) -> None:
    await reports.note_training_started(tx, event.data, now=await clock.now(tx))


@training(filter=about(facts.TrainingCompleted))
async def on_training_completed(event: Event[Any], tx: Tx, clock: WithDatabaseClock, policy: WithPolicy) -> None:
    await reports.complete_training(tx, event.data, policy=policy, now=await clock.now(tx))


@training(filter=about(facts.TrainingFailed))
async def on_training_failed(event: Event[Any], tx: Tx, clock: WithDatabaseClock, policy: WithPolicy) -> None:
    await reports.fail_training(tx, event.data, policy=policy, now=await clock.now(tx))


@training(filter=about(facts.TrainingPaused))
async def on_training_paused(event: Event[Any], tx: Tx, clock: WithDatabaseClock, policy: WithPolicy) -> None:
    await reports.pause_training(tx, event.data, policy=policy, now=await clock.now(tx))


@training(filter=about(facts.CheckpointSaved))
async def on_checkpoint_saved(event: Event[Any], tx: Tx, clock: WithDatabaseClock) -> None:
    await reports.save_checkpoint(tx, event.data, now=await clock.now(tx))
