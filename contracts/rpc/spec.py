"""What a request/reply pair is."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

RequestT = TypeVar("RequestT", bound=BaseModel)
ReplyT = TypeVar("ReplyT", bound=BaseModel)


@dataclass(frozen=True)
class Rpc(Generic[RequestT, ReplyT]):
    """A question one service answers: subject `rpc.<service>.<method>`. Asked twice it has the effect of once: who
    asks does so again when the connection breaks."""

    service: str
    method: str
    request: type[RequestT]
    reply: type[ReplyT]

    @property
    def subject(self) -> str:
        return f"rpc.{self.service}.{self.method}"


@dataclass(frozen=True)
class PodRpc(Generic[RequestT, ReplyT]):
    """A question a pod asks on `podrpc.<method>.<job_id>`; the broker lets a pod use only its own job's."""

    service: str
    method: str
    request: type[RequestT]
    reply: type[ReplyT]

    def subject(self, job_id: object) -> str:
        return f"podrpc.{self.method}.{job_id}"

    @property
    def subject_filter(self) -> str:
        return f"podrpc.{self.method}.*"
