"""Typed questions and answers over core NATS. Errors travel as problem documents and are raised again by the caller."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import nats.errors
import structlog
from faststream import Context
from faststream.nats import NatsBroker, NatsResponse
from faststream.nats.message import NatsMessage
from nats.aio.msg import Msg
from opentelemetry.trace import SpanKind
from pydantic import BaseModel, ValidationError

from chassis.message_metrics import RPC_SECONDS
from chassis.message_tracing import current_traceparent, message_span
from chassis.nats_connection import NatsConnection, NotConnected
from chassis.problems import MEDIA_TYPE, Invalid, ProblemError, ServiceUnavailable, problem_for
from contracts.problem import Problem

_log = structlog.get_logger(__name__)

ReplyT = TypeVar("ReplyT", bound=BaseModel)
Answer = Callable[[str, BaseModel], Awaitable[BaseModel]]  # (subject, request) -> reply

# Answers of one method that are worked on at once, per process.
_CONCURRENT_ANSWERS = 32


@dataclass(frozen=True)
class Endpoint:
    """A question this service answers; replicas share the work through the queue group."""

    method: str
    subject: str
    queue: str
    request: type[BaseModel]
    answer: Answer

    def register(self, broker: NatsBroker) -> None:
        subscriber = broker.subscriber(
            self.subject, queue=self.queue, max_workers=_CONCURRENT_ANSWERS, decoder=_undecoded
        )
        subscriber(self._reply)

    async def _reply(self, message: Annotated[NatsMessage, Context("message")]) -> NatsResponse:
        raw: Msg = message.raw_message
        began, outcome = time.perf_counter(), "ok"
        try:
            reply = await self._answer(raw)
            response = NatsResponse(reply.model_dump_json().encode(), headers={"content-type": "application/json"})
        except Exception as error:
            problem = _problem_of(error, self.method)
            outcome = "unavailable" if problem.status >= 500 else "refused"
            response = NatsResponse(problem.to_problem().model_dump_json(exclude_none=True).encode(),
                                    headers={"content-type": MEDIA_TYPE})
        RPC_SECONDS.labels(self.method, outcome).observe(time.perf_counter() - began)
        return response

    async def _answer(self, raw: Msg) -> BaseModel:
        headers = raw.headers or {}
        with message_span(f"answer {self.method}", SpanKind.SERVER, traceparent=headers.get("traceparent"),
                          attributes={"messaging.system": "nats", "rpc.method": self.method}):
            try:
                request = self.request.model_validate_json(raw.data)
            except ValidationError as error:
                raise _invalid(error, self.method) from error
            return await self.answer(raw.subject, request)


async def ask(
    connection: NatsConnection, subject: str, request: BaseModel, reply: type[ReplyT], timeout_s: float
) -> ReplyT:
    """Ask and wait. Raises the ProblemError the other side raised, or ServiceUnavailable without an answer."""
    traceparent = current_traceparent()
    method = subject.rpartition(".")[2]
    try:
        message = await connection.client.request(
            subject, request.model_dump_json().encode(), timeout=timeout_s,
            headers={"traceparent": traceparent} if traceparent else None,
        )
    except (NotConnected, nats.errors.Error, OSError) as error:
        raise ServiceUnavailable(_no_answer(subject, error), code="no_answer") from error
    if (message.headers or {}).get("content-type") == MEDIA_TYPE:
        raise ProblemError.from_problem(Problem.model_validate_json(message.data))
    try:
        return reply.model_validate_json(message.data)
    except ValidationError as error:
        _log.error("answer_not_understood", subject=subject, error=str(error))
        raise ServiceUnavailable(f"The answer to {method} was not understood.", code="bad_answer") from error


def _no_answer(subject: str, error: BaseException) -> str:
    service = subject.split(".")[1] if subject.startswith("rpc.") else subject.split(".")[0]
    if isinstance(error, nats.errors.NoRespondersError):
        return f"The service {service} is not running."
    if isinstance(error, NotConnected):
        return "The message broker is not connected."
    return f"The service {service} did not answer in time."


def _problem_of(error: Exception, method: str) -> ProblemError:
    if (problem := problem_for(error)) is not None:
        return problem
    _log.error("request_failed", method=method, exc_info=error)
    return ProblemError("internal_error", "Internal error", 500, f"Answering {method} failed unexpectedly.",
                        "Repeat the request; if it fails again, report the trace id.")


def _invalid(error: ValidationError, method: str) -> Invalid:
    errors: list[dict[str, Any]] = [
        {"field": ".".join(str(part) for part in item["loc"]), "message": item["msg"]} for item in error.errors()
    ]
    return Invalid(f"The request to {method} is not valid.", errors=errors)


async def _undecoded(message: NatsMessage) -> bytes:
    return bytes(message.body)
