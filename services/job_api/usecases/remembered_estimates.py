"""Estimates of the last seconds. A figure beside a new job may be that old; a reservation never is."""

from collections import OrderedDict
from typing import TypeVar

from pydantic import BaseModel

from chassis.clock import Clock
from contracts.rpc.spec import Rpc
from services.job_api.ports import Asks

RequestT = TypeVar("RequestT", bound=BaseModel)
ReplyT = TypeVar("ReplyT", bound=BaseModel)
_LARGEST = 256


class RememberedEstimates:
    """Asks, and gives the same answer to the same question for `seconds`: a series of jobs over one file (a sweep of
    presets, an import) asks cost_guard once instead of once for each."""

    def __init__(self, asks: Asks, clock: Clock, seconds: float = 2.0) -> None:
        self._asks, self._clock, self._seconds = asks, clock, seconds
        self._answers: OrderedDict[str, tuple[float, BaseModel]] = OrderedDict()

    async def request(self, rpc: Rpc[RequestT, ReplyT], request: RequestT, timeout_s: float = 2.0) -> ReplyT:
        key = f"{rpc.subject} {request.model_dump_json()}"
        known = self._answers.get(key)
        if known and self._clock.monotonic() - known[0] < self._seconds and isinstance(known[1], rpc.reply):
            return known[1]
        answer = await self._asks.request(rpc, request, timeout_s)
        self._answers[key] = (self._clock.monotonic(), answer)
        self._answers.move_to_end(key)
        while len(self._answers) > _LARGEST:
            self._answers.popitem(last=False)
        return answer
