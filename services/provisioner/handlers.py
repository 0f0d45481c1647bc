"""Events in: intents and facts are written down; nothing slow happens here."""

from collections.abc import Mapping
from typing import Any

from chassis.messaging.consume import Handler
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import Clock
from chassis.messaging.bus import Bus
from contracts import events
from contracts.envelope import Event, EventData
from contracts.streams import consumers_of
from services.provisioner.domain.limits import Limits
from services.provisioner.domain.model import JobState
from services.provisioner.usecases import jobs, say, training


class Handlers:
    def __init__(self, *, provider: str, limits: Limits, clock: Clock) -> None:
        self._provider, self._limits, self._clock = provider, limits, clock

    def register(self, bus: Bus) -> None:
        for consumer in consumers_of("provisioner"):
            bus.consume(consumer, self.by_event())

    def by_event(self) -> Mapping[type[EventData], Handler]:
        return {
            events.JobStartRequested: self.on_job_start_requested,
            events.JobCancelRequested: self.on_job_cancelled,
            events.JobCancelled: self.on_job_cancelled,
            events.JobCompleted: self.on_job_ended,
            events.JobFailed: self.on_job_ended,
            events.PodInterrupted: self.on_pod_interrupted,
            events.TrainingStarted: self.on_training_started,
            events.TrainingCompleted: self.on_training_completed,
            events.TrainingFailed: self.on_training_failed,
            events.CheckpointSaved: self.on_checkpoint_saved,
        }

    async def on_job_start_requested(self, event: Event[events.JobStartRequested], tx: AsyncConnection) -> None:
        await jobs.start_job(tx, event.data, provider=self._provider, now=self._clock.now(),
                             traceparent=event.traceparent)

    async def on_job_cancelled(self, event: Event[Any], tx: AsyncConnection) -> None:
        await jobs.end_job(tx, event.data.job_id, event.data.workspace_id, JobState.CANCELLED,
                           event.data.reason or "cancelled", limits=self._limits, now=self._clock.now())

    async def on_job_ended(self, event: Event[Any], tx: AsyncConnection) -> None:
        await jobs.end_job(tx, event.data.job_id, event.data.workspace_id, JobState.FINISHED, event.data.event,
                           limits=self._limits, now=self._clock.now(),
                           completed=isinstance(event.data, events.JobCompleted))

    async def on_pod_interrupted(self, event: Event[events.PodInterrupted], tx: AsyncConnection) -> None:
        if event.source != say.SOURCE:
            await training.pod_interrupted(tx, event.data, limits=self._limits, now=self._clock.now())

    async def on_training_started(self, event: Event[events.TrainingStarted], tx: AsyncConnection) -> None:
        await training.training_started(tx, event.data, now=self._clock.now())

    async def on_training_completed(self, event: Event[events.TrainingCompleted], tx: AsyncConnection) -> None:
        await training.training_completed(tx, event.data, limits=self._limits, now=self._clock.now())

    async def on_training_failed(self, event: Event[events.TrainingFailed], tx: AsyncConnection) -> None:
        await training.training_failed(tx, event.data, limits=self._limits, now=self._clock.now())

    async def on_checkpoint_saved(self, event: Event[events.CheckpointSaved], tx: AsyncConnection) -> None:
        await training.checkpoint_saved(tx, event.data, now=self._clock.now())
