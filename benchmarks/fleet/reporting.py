"""`trainer_image`'s reporter for many pods in one process: their connections live on one event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

from pydantic import BaseModel

from contracts.envelope import Event
from contracts.pod_environment import PodSpec
from contracts.rpc.spec import PodRpc
from trainer_image.errors import NetworkLost
from trainer_image.reporter import Reporter

SharedLoop = asyncio.AbstractEventLoop
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0


class MachineGone(BaseException):
    """Nothing more happens on this machine: no `except Exception` may go on."""


class SharedLoopReporter(Reporter):
    """Ends with its machine: once `gone` is set, nothing of it is said or asked any more."""

    def __init__(
        self, spec: PodSpec, credentials: str, work_dir: Any, *, loop: SharedLoop, gone: threading.Event, on_stop: Any
    ) -> None:
        super().__init__(spec, credentials, work_dir, on_stop=on_stop)
        self._loop.close()
        self._loop, self._gone = loop, gone
        self._duties = list[asyncio.Task[None]]()

    def start(self) -> None:
        def begin() -> None:
            if not self._gone.is_set():
                self._duties = self._take_up_duties()

        self._loop.call_soon_threadsafe(begin)

    def send(self, event: Event[Any]) -> None:
        self._check()
        super().send(event)

    def ask(
        self, rpc: PodRpc[Any, Any], request: BaseModel, *, timeout_s: float = 5.0, patience_s: float = 600.0
    ) -> Any:
        deadline, pause_s = time.monotonic() + patience_s, _FIRST_PAUSE_S
        while True:
            self._check()
            try:
                return super().ask(rpc, request, timeout_s=timeout_s, patience_s=0.0)
            except NetworkLost:
                if time.monotonic() + pause_s > deadline:
                    raise
            if self._gone.wait(pause_s):
                raise MachineGone
            pause_s = min(_LONGEST_PAUSE_S, pause_s * 2)

    def disconnect(self) -> None:
        """As when the machine's kernel goes: nothing is flushed or said."""
        self._loop.call_soon_threadsafe(lambda: self._loop.create_task(self._cut()))

    def _check(self) -> None:
        if self._gone.is_set():
            raise MachineGone

    async def _cut(self) -> None:
        for duty in self._duties:
            duty.cancel()
        await asyncio.gather(*self._duties, return_exceptions=True)
        client = self._broker._client
        if client is not None:
            await client.close()
