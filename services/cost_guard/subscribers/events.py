"""Events of jobs and of their machines."""

from typing import Any

from chassis.messaging.context import WithClock
from chassis.messaging.events import EventRouter, Tx, about
from contracts.envelope import Event
from contracts.events import (
    JobCancelled,
    JobCompleted,
    JobDeleted,
    JobFailed,
    JobPauseRequested,
    JobStartRequested,
    PodFailed,
    PodInterrupted,
    PodRequested,
    PodRunning,
    PodTerminated,
)
from contracts.streams import consumer
from services.cost_guard.application.commands import billing, jobs
from services.cost_guard.subscribers.context import WithSettings

events = EventRouter()
job_events = events.durable(consumer("cost_guard_jobs"))
pod_events = events.durable(consumer("cost_guard_pods"))


@job_events(filter=about(JobStartRequested))
async def on_job_start_requested(event: Event[Any], tx: Tx, settings: WithSettings) -> None:
    await jobs.start_job(tx, event, settings)


@job_events(filter=about(JobPauseRequested))
async def on_job_pause_requested(event: Event[Any], tx: Tx) -> None:
    await jobs.pause_job(tx, event)


@job_events(filter=about(JobCompleted, JobFailed, JobCancelled))
async def on_job_ended(event: Event[Any], tx: Tx, settings: WithSettings, clock: WithClock) -> None:
    await jobs.end_job(tx, event, settings, clock.now())


@job_events(filter=about(JobDeleted))
async def on_job_deleted(event: Event[Any], tx: Tx, clock: WithClock) -> None:
    await jobs.delete_job(tx, event, clock.now())


@pod_events(filter=about(PodRequested, PodInterrupted, PodFailed))
async def on_pod_known(event: Event[Any], tx: Tx) -> None:
    # An interrupted machine is billed until its end is confirmed: only `pod.terminated` stops the meter.
    await jobs.note_machine(tx, event)


@pod_events(filter=about(PodRunning))
async def on_pod_running(event: Event[Any], tx: Tx, settings: WithSettings, clock: WithClock) -> None:
    await billing.machine_runs(tx, event, settings, clock.now())


@pod_events(filter=about(PodTerminated))
async def on_pod_terminated(event: Event[Any], tx: Tx, settings: WithSettings, clock: WithClock) -> None:
    await billing.machine_ended(tx, event, settings, clock.now())
