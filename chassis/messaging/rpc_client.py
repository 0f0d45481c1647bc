"""Requests out: ask another service over core NATS and wait for its typed answer."""

import asyncio
import time
from typing import Any, TypeVar

import nats.errors
import structlog
from nats.aio.msg import Msg
from pydantic import BaseModel, ValidationError

from chassis.messaging.connection import NatsConnection, NotConnected
from chassis.observability.propagation import current_traceparent
from chassis.problems import MEDIA_TYPE, ProblemError, ServiceUnavailable
from contracts.problem import Problem
from contracts.rpc.spec import Rpc

_log = structlog.get_logger(__name__)

RequestT = TypeVar("RequestT", bound=BaseModel)
ReplyT = TypeVar("ReplyT", bound=BaseModel)


# A service that connects anew, for its credentials were replaced, is back so soon.
_NOBODY_FOR_S = 1.0
_AGAIN_S = 0.05


class RpcClient:
    """Asks, and raises the ProblemError that the other side raised, or ServiceUnavailable (503) without an answer.

    Asks again, within its time, when the connection broke or nobody was there to hear: every question may be asked
    twice (`Rpc`).
    """

    def __init__(self, connection: NatsConnection, timeout_s: float) -> None:
        self._connection, self._timeout_s = connection, timeout_s

    async def request(self, rpc: Rpc[RequestT, ReplyT], request: RequestT, timeout_s: float | None = None) -> ReplyT:
        message = await self._answer(rpc, request.model_dump_json().encode(), timeout_s or self._timeout_s)
        if (message.headers or {}).get("content-type") == MEDIA_TYPE:
            raise ProblemError.from_problem(Problem.model_validate_json(message.data))
        try:
            return rpc.reply.model_validate_json(message.data)
        except ValidationError as error:
            _log.error("answer_not_understood", subject=rpc.subject, error=str(error))
            raise ServiceUnavailable(
                f"The answer to {rpc.method} was not understood.", code="bad_answer") from error

    async def _answer(self, rpc: Rpc[Any, Any], body: bytes, timeout_s: float) -> Msg:
        began = time.monotonic()
        while True:
            try:
                async with self._connection.unbroken():
                    left_s = max(_AGAIN_S, began + timeout_s - time.monotonic())
                    return await self._ask(rpc.subject, body, left_s)
            except (NotConnected, nats.errors.Error, OSError) as error:
                if not self._is_worth_another_try(error, time.monotonic() - began, timeout_s):
                    raise ServiceUnavailable(_no_answer(rpc.service, error), code="no_answer") from error
            await asyncio.sleep(_AGAIN_S)

    async def _ask(self, subject: str, body: bytes, timeout_s: float) -> Msg:
        traceparent = current_traceparent()
        return await self._connection.client.request(
            subject, body, timeout=timeout_s, headers={"traceparent": traceparent} if traceparent else None)

    def _is_worth_another_try(self, error: Exception, waited_s: float, timeout_s: float) -> bool:
        if waited_s + _AGAIN_S >= timeout_s:
            return False
        was_away = self._connection.lost_within(timeout_s)  # as while the broker restarts; away for long, nobody waits
        if isinstance(error, nats.errors.NoRespondersError):
            return was_away or waited_s < _NOBODY_FOR_S
        return was_away and isinstance(error, NotConnected)


def _no_answer(service: str, error: BaseException) -> str:
    if isinstance(error, nats.errors.NoRespondersError):
        return f"The service {service} is not running."
    if isinstance(error, NotConnected):
        return "The message broker is not connected."
    return f"The service {service} did not answer in time."
