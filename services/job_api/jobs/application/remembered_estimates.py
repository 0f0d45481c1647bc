"""Estimates of the last seconds. A figure beside a new job may be that old; a reservation never is."""

from typing import TypeVar

from cachetools import TTLCache
from pydantic import BaseModel

from chassis.clock import Clock
from contracts.rpc.spec import Rpc
from services.job_api.ports import RpcClient

RequestT = TypeVar("RequestT", bound=BaseModel)
ReplyT = TypeVar("ReplyT", bound=BaseModel)
_LARGEST = 256


class RememberedEstimates:
    """Asks, and gives the same answer to the same question for `seconds`: a series of jobs over one file (a sweep of
    presets, an import) asks cost_guard once instead of once for each."""

    def __init__(self, rpc: RpcClient, clock: Clock, seconds: float = 2.0) -> None:
        self._rpc = rpc
        self._answers: TTLCache[str, BaseModel] = TTLCache(_LARGEST, seconds, timer=clock.monotonic)

    async def request(self, rpc: Rpc[RequestT, ReplyT], request: RequestT, timeout_s: float = 2.0) -> ReplyT:
        key = f"{rpc.subject} {request.model_dump_json()}"
        known = self._answers.get(key)
        if isinstance(known, rpc.reply):
            return known
        answer = await self._rpc.request(rpc, request, timeout_s)
        self._answers[key] = answer
        return answer
