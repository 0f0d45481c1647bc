"""One trainer process under test, and how to look at what it did."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nats.js import JetStreamContext

from contracts.envelope import Event
from contracts.pod_environment import PodSpec
from contracts.registry import parse_event

ROOT = Path(__file__).parents[2]


class Launcher:
    """The importing process; see launcher.py. Imports run beside the first tests."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.trainer_image.launcher"], cwd=ROOT, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"})

    def ask(self, command: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@dataclass
class Run:
    launcher: Launcher
    spec: PodSpec
    folder: Path
    pid: int = 0
    exit_code: int | None = None
    killed: list[int] = field(default_factory=list)

    def start(self, **variables: str) -> "Run":
        self.folder.mkdir(parents=True, exist_ok=True)
        self.pid = self.launcher.ask({"log": str(self.folder / "log.txt"), "env": {
            "BRIGHTRUN_POD_SPEC": self.spec.model_dump_json(), "BRIGHTRUN_NATS_CREDENTIALS": "",
            "BRIGHTRUN_WORK_DIR": str(self.folder), **variables}})
        return self

    def kill(self, number: int = signal.SIGKILL) -> None:
        os.kill(self.pid, number)

    def over(self) -> bool:
        if self.exit_code is None:
            self.exit_code = self.launcher.ask({"poll": self.pid})
        return self.exit_code is not None

    async def finished(self, timeout_s: float = 90.0) -> int:
        await self.until(self.over, timeout_s)
        assert self.exit_code is not None
        return self.exit_code

    async def until(self, condition: Callable[[], Any], timeout_s: float = 90.0) -> None:
        """Wait for a condition; a process that ends before it is met fails the test with its log."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            if condition != self.over and self.over():
                raise AssertionError(f"ended with {self.exit_code} too early\n{self.log()[-4000:]}")
            assert time.monotonic() < deadline, f"not within {timeout_s} s\n{self.log()[-4000:]}"
            await asyncio.sleep(0.02)

    def log(self) -> str:
        return (self.folder / "log.txt").read_text()

    def steps(self) -> list[dict[str, Any]]:
        """Finished steps and their conversations."""
        path = self.folder / "samples.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def published(self, event: str) -> list[dict[str, Any]]:
        """The payloads of one kind of event in this run's own journal, whether the broker has them or not."""
        path = self.folder / "events.journal"
        if not path.exists():
            return []
        lines = [line.split(b"\t", 2)[2] for line in path.read_bytes().splitlines() if line.count(b"\t") >= 2]
        return [item["data"] for item in map(json.loads, lines) if item["type"] == f"brightrun.{event}.v1"]


async def stored(stream: JetStreamContext, name: str, job_id: object) -> list[Event[Any]]:
    """All events of a job that the stream holds, in the stream's order."""
    last = (await stream.stream_info(name)).state.last_seq
    first = (await stream.stream_info(name)).state.first_seq
    events = [parse_event((await stream.get_msg(name, number)).data) for number in range(max(first, 1), last + 1)]
    return [event for event in events if str(event.data.job_id) == str(job_id)]
