"""Requests out: ask another service over core NATS and wait for its typed answer."""

from typing import TypeVar

import nats.errors
import structlog
from pydantic import BaseModel, ValidationError

from chassis.messaging.connection import NatsConnection, NotConnected
from chassis.observability.propagation import current_traceparent
from chassis.problems import MEDIA_TYPE, ProblemError, ServiceUnavailable
from contracts.problem import Problem
from contracts.rpc.spec import Rpc

_log = structlog.get_logger(__name__)

RequestT = TypeVar("RequestT", bound=BaseModel)
ReplyT = TypeVar("ReplyT", bound=BaseModel)


class RpcClient:
    """Asks, and raises the ProblemError that the other side raised, or ServiceUnavailable (503) without an answer."""

    def __init__(self, connection: NatsConnection, timeout_s: float) -> None:
        self._connection, self._timeout_s = connection, timeout_s

    async def request(self, rpc: Rpc[RequestT, ReplyT], request: RequestT, timeout_s: float | None = None) -> ReplyT:
        traceparent = current_traceparent()
        try:
            message = await self._connection.client.request(
                rpc.subject, request.model_dump_json().encode(), timeout=timeout_s or self._timeout_s,
                headers={"traceparent": traceparent} if traceparent else None,
            )
        except (NotConnected, nats.errors.Error, OSError) as error:
            raise ServiceUnavailable(_no_answer(rpc.service, error), code="no_answer") from error
        if (message.headers or {}).get("content-type") == MEDIA_TYPE:
            raise ProblemError.from_problem(Problem.model_validate_json(message.data))
        try:
            return rpc.reply.model_validate_json(message.data)
        except ValidationError as error:
            _log.error("answer_not_understood", subject=rpc.subject, error=str(error))
            raise ServiceUnavailable(
                f"The answer to {rpc.method} was not understood.", code="bad_answer") from error


def _no_answer(service: str, error: BaseException) -> str:
    if isinstance(error, nats.errors.NoRespondersError):
        return f"The service {service} is not running."
    if isinstance(error, NotConnected):
        return "The message broker is not connected."
    return f"The service {service} did not answer in time."
