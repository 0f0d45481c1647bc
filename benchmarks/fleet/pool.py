"""Simulated pods behind the fake RunPod: a few processes with many trainers each, in place of a process a pod."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.fleet.pace import Pace
from benchmarks.fleet.worker import LINE_LIMIT

ROOT = Path(__file__).parents[2]


class Pool:
    """`deeds`: what every trainer that has ended really did."""

    def __init__(self, pace: Pace, processes: int, log: Path) -> None:
        self._pace, self._count, self._log = pace, processes, log
        self._processes: list[asyncio.subprocess.Process] = []
        self._readers: list[asyncio.Task[None]] = []
        self._exits: dict[str, asyncio.Future[int]] = {}
        self._numbers = itertools.count()
        self.deeds: list[dict[str, Any]] = []

    async def __aenter__(self) -> Pool:
        for _ in range(self._count):
            command = (sys.executable, "-m", "benchmarks.fleet.worker", self._pace.to_json())
            with self._log.open("ab") as log:
                process = await asyncio.create_subprocess_exec(
                    *command, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log,
                    limit=LINE_LIMIT)
            self._processes.append(process)
            self._readers.append(asyncio.create_task(self._read(process)))
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in self._processes:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        await asyncio.gather(*self._readers, return_exceptions=True)

    def container(self, folder: Path) -> PooledContainer:
        return PooledContainer(self, folder, next(self._numbers) % self._count)

    def start(self, process: int, pod: str, environment: Mapping[str, str]) -> asyncio.Future[int]:
        """A future of the exit code."""
        self._exits[pod] = asyncio.get_running_loop().create_future()
        self.order(process, pod, "start", environment=dict(environment))
        return self._exits[pod]

    def order(self, process: int, pod: str, do: str, **more: Any) -> None:
        pipe = self._processes[process].stdin
        assert pipe is not None
        pipe.write(json.dumps({"do": do, "pod": pod, **more}).encode() + b"\n")

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._processes]

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            end = json.loads(line)
            self.deeds.append(end["deeds"])
            self._exits.pop(end["pod"]).set_result(end["exit_code"])


class PooledContainer:
    """`tests.fake_runpod.process.Container` in one of the pool's processes."""

    def __init__(self, pool: Pool, folder: Path, process: int) -> None:
        self.log = folder / "container.log"
        self._pool, self._folder, self._process = pool, folder, process
        self._exit: asyncio.Future[int] | None = None

    @property
    def pid(self) -> int | None:
        return None if self._exit is None else self._pool.pids[self._process]

    async def start(self, environment: Mapping[str, str]) -> None:
        own = {"BRIGHTRUN_WORK_DIR": str(self._folder / "work")}
        self._exit = self._pool.start(self._process, self._folder.name, {**environment, **own})

    async def wait(self) -> None:
        if self._exit is not None:
            await asyncio.shield(self._exit)

    async def stop(self, grace_s: float) -> None:
        if self._exit is None or self._exit.done():
            return
        if grace_s:
            self._pool.order(self._process, self._folder.name, "terminate")
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._exit), grace_s)
        self._pool.order(self._process, self._folder.name, "kill")
        await asyncio.shield(self._exit)
