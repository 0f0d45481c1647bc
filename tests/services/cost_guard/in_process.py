"""cost_guard without servers but PostgreSQL: its subscribers behind FastStream's in-memory broker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from faststream import BaseMiddleware
from faststream.nats import NatsBroker, TestNatsBroker

from chassis.clock import FakeClock
from chassis.database.engine import Database
from chassis.messaging.middleware import REQUEST_MIDDLEWARES, Inbox
from chassis.problems import MEDIA_TYPE, ProblemError
from contracts.envelope import Event, EventData, new_event
from contracts.gpus import GpuType
from contracts.problem import Problem
from contracts.registry import parse_event
from contracts.rpc.pods import Price
from contracts.rpc.spec import Rpc
from services.cost_guard.settings import Settings
from services.cost_guard.subscribers.events import events
from services.cost_guard.subscribers.requests import requests


class GivenPrices:
    """A price list as a test sets it; empty: nobody tells a price."""

    def __init__(self, *prices: Price) -> None:
        self._prices = prices

    async def prices(self, gpu_type: GpuType) -> tuple[Price, ...]:
        return self._prices


class GuardInProcess:
    """`deliver` an event as a durable would (inbox and effect in one transaction), `request` as job_api would."""

    def __init__(self, broker: NatsBroker, database: Database, settings: Settings, clock: FakeClock) -> None:
        self._broker = broker
        self.database, self.settings, self.clock = database, settings, clock

    def give(self, name: str, value: Any) -> None:
        """To handlers, by FromContext."""
        self._broker.context.set_global(name, value)

    async def deliver(self, data: EventData | Event[Any]) -> Event[Any]:
        """Raises what the handler raises; its transaction is then rolled back."""
        event = data if isinstance(data, Event) else new_event(data, source="/test", time=self.clock.now())
        await self._broker.publish(event.to_bytes(), event.subject)
        return event

    async def request(self, rpc: Rpc[Any, Any], request: Any) -> Any:
        reply = await self._broker.request(request.model_dump_json().encode(), rpc.subject, timeout=60)
        if reply.headers.get("content-type") == MEDIA_TYPE:
            raise ProblemError.from_problem(Problem.model_validate_json(reply.body))
        return rpc.reply.model_validate_json(reply.body)

    async def published(self, kind: type[EventData], about: UUID | None = None) -> list[Any]:
        """What lies in the outbox, oldest first."""
        async with self.database.read() as connection:
            rows = await connection.exec_driver_sql("SELECT event FROM outbox ORDER BY position")
            found = [parse_event(row.event.encode()) for row in rows]
        return [
            event.data
            for event in found
            if isinstance(event.data, kind) and (about is None or event.subject.endswith(str(about)))
        ]


@asynccontextmanager
async def guard_in_process(
    database: Database, settings: Settings, clock: FakeClock, *inside_inbox: type[BaseMiddleware]
) -> AsyncIterator[GuardInProcess]:
    broker = NatsBroker(serializer=None, logger=None)
    broker.include_router(events.copy(), middlewares=(Inbox, *inside_inbox))
    broker.include_router(requests.copy(), middlewares=REQUEST_MIDDLEWARES)
    for name, value in {"database": database, "settings": settings, "clock": clock, "prices": GivenPrices()}.items():
        broker.context.set_global(name, value)
    async with TestNatsBroker(broker) as running:
        yield GuardInProcess(running, database, settings, clock)
