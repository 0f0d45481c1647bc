"""Events in."""

from typing import Annotated

from chassis.messaging.context import FromContext
from chassis.messaging.events import EventRouter, Tx, about
from contracts.envelope import Event
from contracts.events import JobDeleted, LogReported
from contracts.streams import consumer
from services.metrics_ingest.application.commands.delete_job import delete_job
from services.metrics_ingest.application.commands.store_lines import StoreLines

WithStoreLines = Annotated[StoreLines, FromContext("store_lines")]

events = EventRouter()
jobs = events.durable(consumer("metrics_ingest_jobs"))
# A new job may need a new partition, which only the tables' owner can make.
logs = events.durable(consumer("metrics_ingest_logs"), every_workspace=True)


@jobs(filter=about(JobDeleted))
async def on_job_deleted(event: Event[JobDeleted], tx: Tx) -> None:
    await delete_job(tx, event.data.job_id, event.data.workspace_id)


@logs(filter=about(LogReported))
async def on_log_reported(event: Event[LogReported], tx: Tx, store_lines: WithStoreLines) -> None:
    await store_lines(tx, event.data, event.time)
