"""Events in: FastStream subscribers on durables that exist.

    events = EventRouter()
    jobs = events.durable(consumer("cost_guard_jobs"))

    @jobs(filter=about(JobDeleted))
    async def on_job_deleted(event: Event[JobDeleted], tx: Tx) -> None: ...

A handler's effect and the event's id in the inbox are one transaction; the message is acknowledged after the commit.
Permanent, ValidationError and unknown types are dead-lettered; other errors are retried by the durable's table first;
while a database or another service is away the message waits without using up tries.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from faststream.nats import NatsMessage, NatsRouter
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.messaging.context import FromContext
from chassis.messaging.durable import DurableSubscriber
from contracts.envelope import EventData
from contracts.streams import ConsumerSpec

Tx = Annotated[AsyncConnection, FromContext("tx")]

Filter = Callable[[NatsMessage], Awaitable[bool]]


def about(*events: type[EventData]) -> Filter:
    """A FastStream filter: messages of these events."""
    prefixes = tuple(f"{event.subject_prefix()}." for event in events)

    async def is_about(message: NatsMessage) -> bool:  # a sync one would be run in a thread
        if not message.raw_message.subject.startswith(prefixes):
            return False
        event: Any = await message.decode()
        return isinstance(event.data, events)

    is_about.events = frozenset(events)  # type: ignore[attr-defined]
    return is_about


class EventRouter(NatsRouter):
    """FastStream's router with `durable`. A bus includes a copy, so that one router serves several buses."""

    def __init__(self) -> None:
        super().__init__()
        self.durables: list[DurableSubscriber] = []

    def durable(self, spec: ConsumerSpec, *, every_workspace: bool = False) -> DurableSubscriber:
        """A subscriber; decorate one handler for each event of the spec, filtered by `about`. Handlers reach the rows
        of their event's workspace; with `every_workspace` all, and must look for themselves."""
        subscriber = DurableSubscriber.added_to(self, spec)
        subscriber.every_workspace = every_workspace
        self.durables.append(subscriber)
        return subscriber

    def copy(self) -> "EventRouter":
        other = EventRouter()
        for durable in self.durables:
            durable.declare_on(other.durable(durable.spec, every_workspace=durable.every_workspace))
        return other
