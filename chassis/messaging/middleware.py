"""What stands around every handler, outermost first: metrics, trace, then the settlement and inbox of an event, or
the answer of a request."""

import asyncio
from contextlib import nullcontext
from typing import Any

import structlog
from faststream import BaseMiddleware
from faststream.exceptions import StopConsume
from faststream.nats import NatsResponse
from faststream.nats.opentelemetry.provider import NatsTelemetrySettingsProvider
from faststream.nats.prometheus.provider import NatsMetricsSettingsProvider
from faststream.opentelemetry.middleware import TelemetryMiddleware
from faststream.prometheus.middleware import PrometheusMiddleware
from opentelemetry import trace
from prometheus_client import REGISTRY

from chassis.database.scope import every_workspace, one_workspace
from chassis.messaging.dead_letters import REPLAY_FOR_HEADER
from chassis.messaging.inbox import claim
from chassis.messaging.metrics import MESSAGES
from chassis.messaging.replies import reply_of, reply_to_error


def _kind(message: Any) -> str:
    """The kind of message: subjects end with a job's id, which must become neither a label nor a span's name."""
    subject = str(message.raw_message.subject)
    return subject if subject.startswith("rpc.") else subject.rpartition(".")[0]


# All that FastStream publishes are answers (the relay publishes events), each to an inbox of its own: one name for all.
_ANSWER = "answer"


class _Metrics(NatsMetricsSettingsProvider):
    def get_consume_attrs_from_message(self, msg: Any) -> Any:
        return super().get_consume_attrs_from_message(msg) | {"destination_name": _kind(msg)}

    def get_publish_destination_name_from_cmd(self, cmd: Any) -> str:
        return _ANSWER


class _Telemetry(NatsTelemetrySettingsProvider):
    def get_consume_destination_name(self, msg: Any) -> str:
        return _kind(msg)

    def get_publish_destination_name(self, cmd: Any) -> str:
        return _ANSWER


class Settle(BaseMiddleware):
    """Acknowledge after the commit; decide over failures. Errors go on, so that tests and metrics see them."""

    async def consume_scope(self, call_next: Any, msg: Any) -> Any:
        await self._settlement.begin(self.msg)
        try:
            return await call_next(msg)
        except (StopConsume, SystemExit) as error:  # FastStream would stop the subscriber, which waits for this task
            raise RuntimeError(f"a handler cannot stop its consumer ({error!r})") from error

    async def after_processed(self, exc_type: Any = None, exc_val: Any = None, exc_tb: Any = None) -> bool:
        if exc_val is None:
            await self._settlement.succeeded(self.msg)
        elif isinstance(exc_val, Exception):
            await self._settlement.failed(self.msg, exc_val)
        return False

    @property
    def _settlement(self) -> Any:
        return self.context.get_local("handler_").settlement


class Inbox(BaseMiddleware):
    """One transaction for the event's id and the handler's effect: committed together, once per durable. It reaches
    the rows of the event's workspace and no others, whatever job the event names."""

    async def consume_scope(self, call_next: Any, msg: Any) -> Any:
        subscriber, event = self.context.get_local("handler_"), await msg.decode()
        with structlog.contextvars.bound_contextvars(**_log_fields(event)):
            outcome = "processed" if await self._effect(subscriber, event, call_next, msg) else "duplicate"
        MESSAGES.labels(subscriber.spec.durable, outcome).inc()

    async def _effect(self, subscriber: Any, event: Any, call_next: Any, msg: Any) -> bool:
        spec = subscriber.spec
        if msg.headers.get(REPLAY_FOR_HEADER, spec.durable) not in (spec.durable, spec.inbox):
            return False  # replayed for another consumer
        database = self.context.get("database")
        with every_workspace() if subscriber.every_workspace else one_workspace(event.data.workspace_id):
            async with asyncio.timeout(subscriber.handler_timeout_s), database.transaction() as tx:
                if not await claim(tx, event_id=event.id, consumer=spec.inbox):
                    return False
                with self.context.scope("tx", tx):
                    await call_next(msg)
        return True


class Answer(BaseMiddleware):
    """The handler's model becomes the reply; an error becomes a problem document, raised again by the caller. A
    request that names a workspace reaches the rows of that one; others see none unless their handler says so."""

    async def consume_scope(self, call_next: Any, msg: Any) -> NatsResponse:
        kind = _kind(msg)
        try:
            workspace_id = getattr(await msg.decode(), "workspace_id", None)
            with one_workspace(workspace_id) if workspace_id else nullcontext():
                return reply_of(kind, await call_next(msg))
        except Exception as error:
            return reply_to_error(kind, error)


def _log_fields(event: Any) -> dict[str, str]:
    span = trace.get_current_span().get_span_context()
    fields = {"event_id": str(event.id), "event_type": event.type, "job_id": str(getattr(event.data, "job_id", ""))}
    return fields | ({"trace_id": f"{span.trace_id:032x}"} if span.is_valid else {})


_OBSERVED: tuple[Any, ...] = (
    PrometheusMiddleware(settings_provider_factory=lambda _: _Metrics(), registry=REGISTRY),
    TelemetryMiddleware(settings_provider_factory=lambda _: _Telemetry()),
)
EVENT_MIDDLEWARES: tuple[Any, ...] = (*_OBSERVED, Settle, Inbox)
REQUEST_MIDDLEWARES: tuple[Any, ...] = (*_OBSERVED, Answer)
