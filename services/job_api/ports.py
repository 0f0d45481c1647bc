"""What job_api needs of others."""

from typing import Protocol, TypeVar

from pydantic import BaseModel

from contracts.rpc.spec import Rpc

RequestT = TypeVar("RequestT", bound=BaseModel)
ReplyT = TypeVar("ReplyT", bound=BaseModel)


class RpcClient(Protocol):
    """Questions to other services; `chassis.messaging.bus.Bus` is the real one."""

    async def request(self, rpc: Rpc[RequestT, ReplyT], request: RequestT, timeout_s: float = 2.0) -> ReplyT:
        """Raises the ProblemError of the other side, or ServiceUnavailable without an answer."""
        ...
