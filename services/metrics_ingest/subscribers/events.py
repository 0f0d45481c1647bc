"""Events in."""

from chassis.messaging.events import EventRouter, Tx, about
from contracts.envelope import Event
from contracts.events import JobDeleted
from contracts.streams import consumer
from services.metrics_ingest.application.commands.delete_job import delete_job

events = EventRouter()
jobs = events.durable(consumer("metrics_ingest_jobs"))


@jobs(filter=about(JobDeleted))
async def on_job_deleted(event: Event[JobDeleted], tx: Tx) -> None:
    await delete_job(tx, event.data.job_id, event.data.workspace_id)
