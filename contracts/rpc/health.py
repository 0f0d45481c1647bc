"""How a service feels, told to job_api for whoever runs the installation."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from contracts.rpc.spec import Rpc

# A relay publishes within a second: older than this in an outbox, and the broker, a stream or the relay has stopped.
OUTBOX_OLD_S = 30.0


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class HealthQuery(Model):
    """Nothing is asked in particular."""


class CheckOutcome(Model):
    status: Literal["ok", "degraded", "failed"]
    detail: str = ""
    value: float | None = None


class ConsumerFigures(Model):
    """A durable consumer: messages that wait for it, that are in hand, and of those that came again. Null where the
    broker did not tell. `trouble`: why it takes nothing; empty when all is well."""

    durable: str
    stream: str
    pending: int | None = None
    in_hand: int | None = None
    redelivered: int | None = None
    trouble: str = ""


class OutboxFigures(Model):
    """Events that no stream has confirmed; parked ones can never be."""

    waiting: int = Field(ge=0)
    parked: int = Field(ge=0, default=0)
    oldest_age_s: float = Field(ge=0)


class ServiceHealth(Model):
    """Of the replica that answered. `outbox` null: it has none, or its database is away."""

    status: Literal["ready", "unready", "starting", "draining"]
    waiting_for: str = ""
    checks: dict[str, CheckOutcome] = Field(default_factory=dict)
    consumers: tuple[ConsumerFigures, ...] = ()
    outbox: OutboxFigures | None = None


HEALTH: dict[str, Rpc[HealthQuery, ServiceHealth]] = {
    service: Rpc(service, "health", HealthQuery, ServiceHealth)
    for service in ("provisioner", "metrics_ingest", "cost_guard", "validator", "notifier")
}
