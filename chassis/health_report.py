"""A service's health with its consumers and its outbox, as it is told to another service."""

from chassis.database.engine import Database
from chassis.database.scope import every_workspace
from chassis.messaging.bus import Bus
from chassis.messaging.outbox import backlog
from chassis.messaging.requests import RequestRouter
from chassis.observability.health import Health
from contracts.rpc.health import (
    HEALTH,
    CheckOutcome,
    ConsumerFigures,
    HealthQuery,
    OutboxFigures,
    ServiceHealth,
)
from contracts.streams import ConsumerSpec


class HealthReporter:
    """`publishes`: the service has an outbox."""

    def __init__(self, health: Health, bus: Bus, database: Database, *, publishes: bool) -> None:
        self._health, self._bus, self._database, self._publishes = health, bus, database, publishes

    async def report(self) -> ServiceHealth:
        _, document = await self._health.ready()
        checks = {name: CheckOutcome.model_validate(outcome) for name, outcome in document["checks"].items()}
        return ServiceHealth(
            status=document["status"], waiting_for=document.get("waiting_for", ""), checks=checks,
            consumers=tuple([await self._figures(spec) for spec in self._bus.consumers]), outbox=await self._outbox())

    def requests(self, service: str) -> RequestRouter:
        """Answers `health` of this service."""
        router = RequestRouter()

        @router.rpc(HEALTH[service])
        async def health(request: HealthQuery) -> ServiceHealth:
            return await self.report()

        return router

    async def _figures(self, spec: ConsumerSpec) -> ConsumerFigures:
        trouble = self._bus.trouble_of(spec)
        try:
            info = await self._bus.jetstream.consumer_info(spec.stream, spec.durable)
        except Exception as error:  # the broker is away, or the durable is missing: said, not raised
            return ConsumerFigures(durable=spec.durable, stream=spec.stream, trouble=trouble or type(error).__name__)
        return ConsumerFigures(
            durable=spec.durable, stream=spec.stream, pending=info.num_pending, in_hand=info.num_ack_pending,
            redelivered=info.num_redelivered, trouble=trouble)

    async def _outbox(self) -> OutboxFigures | None:
        if not self._publishes:
            return None
        try:
            with every_workspace():
                async with self._database.read() as connection:
                    found = await backlog(connection)
        except Exception:  # the database is away, which its check says
            return None
        return OutboxFigures(waiting=found.unpublished, parked=found.parked, oldest_age_s=found.age_s)
