"""One process full of simulated pods: python -m benchmarks.fleet.worker PACE

Orders come as JSON lines on stdin (`start`, `terminate`, `kill` of a pod), ends go out on stdout.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
from functools import partial
from typing import Any

from benchmarks.fleet.pace import Pace
from benchmarks.fleet.reporting import MachineGone
from benchmarks.fleet.trainer import Deeds, SimulatedTrainer, as_document
from trainer_image.environment import read_environment

LINE_LIMIT = 2**20


class Worker:
    def __init__(self, pace: Pace) -> None:
        self._pace, self._loop = pace, asyncio.get_running_loop()
        self._pods: dict[str, SimulatedTrainer] = {}
        self._speaking = threading.Lock()

    async def serve(self) -> None:
        """Until stdin ends."""
        orders = asyncio.StreamReader(limit=LINE_LIMIT)
        await self._loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
        while line := await orders.readline():
            self._obey(json.loads(line))

    def _obey(self, order: dict[str, Any]) -> None:
        name, pod = order["pod"], self._pods.get(order["pod"])
        match order["do"]:
            case "start":
                self._pods[name] = self._start(name, order["environment"])
            case "terminate" if pod is not None:
                pod.terminate()
            case "kill" if pod is not None:
                pod.kill()

    def _start(self, name: str, environment: dict[str, str]) -> SimulatedTrainer:
        pod = SimulatedTrainer(read_environment(environment), self._pace, self._loop, partial(self._ended, name))
        pod.start()
        return pod

    def _ended(self, name: str, code: int, deeds: Deeds) -> None:
        self._loop.call_soon_threadsafe(self._pods.pop, name, None)
        line = json.dumps({"pod": name, "exit_code": code, "deeds": as_document(deeds)})
        with self._speaking:
            print(line, flush=True)


def _quietly(hook: threading.ExceptHookArgs) -> None:
    """The threads of a machine that is gone end where they stand."""
    if hook.exc_type is not MachineGone:
        threading.__excepthook__(hook)


async def _main() -> None:
    await Worker(Pace(**json.loads(sys.argv[1]))).serve()


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr, level=logging.ERROR, format="%(asctime)s %(levelname)s %(message)s")
    threading.excepthook = _quietly
    sys.setswitchinterval(0.002)
    asyncio.run(_main())
