"""The other services as the operators' view asks them: of the provisioner one machine, one leak, and a health that is
not perfect."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from chassis.messaging.bus import Bus
from chassis.settings import ServiceSettings
from contracts.rpc import pods
from contracts.rpc.health import HEALTH, CheckOutcome, ConsumerFigures, HealthQuery, OutboxFigures, ServiceHealth
from tests.services.job_api.cost_guard import answering


@asynccontextmanager
async def answering_health(api: Any) -> AsyncIterator[None]:
    """All but the provisioner tell that they are well."""
    bus = Bus(ServiceSettings(service_name="others", nats_url=api.nats_url))
    bus.include(answering({rpc: _well for service, rpc in HEALTH.items() if service != "provisioner"}))
    await bus.start()
    yield
    await bus.stop()


async def _well(request: HealthQuery) -> ServiceHealth:
    return ServiceHealth(status="ready", checks={"database": CheckOutcome(status="ok")})


@asynccontextmanager
async def provisioner(api: Any, machine: pods.Machine) -> AsyncIterator[None]:
    async def machines(request: pods.MachinesQuery) -> pods.Machines:
        gone = machine.model_copy(update={"attempt": 9, "terminated_at": datetime.now(UTC)})
        return pods.Machines(machines=(gone,), next_after="a") if not request.after else pods.Machines(
            machines=(machine,))

    async def leaks(request: pods.LeaksQuery) -> pods.Leaks:
        one = pods.Leak(pod_name="p", job_id=uuid4(), workspace_id=uuid4(), provider="fake",
                        ended_at=datetime.now(UTC), micro_usd=250_000)
        return pods.Leaks(micro_usd=250_000, machines=1, leaks=(one,))

    async def health(request: HealthQuery) -> ServiceHealth:
        return ServiceHealth(
            status="ready", checks={"nats": CheckOutcome(status="degraded", detail="paused at nats://u:pw@host")},
            consumers=(ConsumerFigures(durable="d", stream="S", pending=7),),
            outbox=OutboxFigures(waiting=3, oldest_age_s=61.5))

    bus = Bus(ServiceSettings(service_name="provisioner", nats_url=api.nats_url))
    bus.include(answering({pods.MACHINES: machines, pods.LEAKS: leaks, HEALTH["provisioner"]: health}))
    await bus.start()
    yield
    await bus.stop()
