"""Requests in: FastStream subscribers that answer.

    requests = RequestRouter()

    @requests.rpc(costs.ESTIMATE)
    async def estimate(request: EstimateRequest, database: WithDatabase) -> Estimate: ...
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

from faststream.nats import NatsMessage, NatsRouter
from pydantic import BaseModel, ValidationError

from chassis.messaging.context import FromContext
from chassis.messaging.replies import BadRequestBody
from contracts.rpc.spec import PodRpc, Rpc

# Answers of one method that are worked on at once, per process.
_CONCURRENT_ANSWERS = 32

# The job a pod speaks for: it comes from the subject, which NATS guards.
PodJob = Annotated[str, FromContext("message.path.job_id")]

HandlerT = TypeVar("HandlerT", bound=Callable[..., Awaitable[BaseModel]])


class RequestRouter(NatsRouter):
    """FastStream's router with `rpc` and `pod_rpc`. Replicas of a service share the work (queue group).

    A ProblemError raised by a handler is raised again at the caller. A bus includes a copy.
    """

    def __init__(self) -> None:
        super().__init__()
        self._declared: list[tuple[Rpc[Any, Any] | PodRpc[Any, Any], Callable[..., Any]]] = []

    def rpc(self, rpc: Rpc[Any, Any]) -> Callable[[HandlerT], HandlerT]:
        """Answer another service."""
        return self._answering(rpc, rpc.subject)

    def pod_rpc(self, rpc: PodRpc[Any, Any]) -> Callable[[HandlerT], HandlerT]:
        """Answer pods; take `job_id: PodJob` for whom."""
        return self._answering(rpc, rpc.subject("{job_id}"))

    def copy(self) -> "RequestRouter":
        other = RequestRouter()
        for rpc, handler in self._declared:
            (other.rpc(rpc) if isinstance(rpc, Rpc) else other.pod_rpc(rpc))(handler)
        return other

    def _answering(self, rpc: Rpc[Any, Any] | PodRpc[Any, Any], subject: str) -> Callable[[HandlerT], HandlerT]:
        def decorate(handler: HandlerT) -> HandlerT:
            self._declared.append((rpc, handler))
            self.subscriber(
                subject, queue=rpc.service, max_workers=_CONCURRENT_ANSWERS, decoder=_reader(rpc.request),
                title=subject,
            )(handler)
            return handler

        return decorate


def _reader(model: type[BaseModel]) -> Callable[[NatsMessage], Awaitable[BaseModel]]:
    async def read(message: NatsMessage) -> BaseModel:
        try:
            return model.model_validate_json(message.body)
        except ValidationError as error:
            raise BadRequestBody(error) from error

    return read
