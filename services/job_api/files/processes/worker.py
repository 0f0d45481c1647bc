"""A worker process as the API sees it: given an order, it answers or ends."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress

from services.job_api.files.processes.messages import ANSWER, Answer, Order

_MODULE = "services.job_api.files.processes.process"
_LONGEST_ANSWER = 64 << 20
# What Python and the tokenizer need. The service's keys and passwords are not among them.
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_", "TMPDIR", "PYTHON", "LD_LIBRARY_PATH", "HF_", "XDG_CACHE_HOME")


class WorkerEnded(Exception):
    """The process ended without an answer; `status` is its exit status, negative for a signal."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the worker process ended with status {status}")
        self.status = status


class Worker:
    def __init__(self, process: Process) -> None:
        self._process = process
        self.peak_memory_mb = 0

    @classmethod
    async def start(cls, base_model: str, memory_mb: int) -> "Worker":
        return cls(await asyncio.create_subprocess_exec(
            sys.executable, "-m", _MODULE, base_model, str(memory_mb), str(os.getpid()),
            stdin=PIPE, stdout=PIPE, limit=_LONGEST_ANSWER, env=_environment()))

    @property
    def alive(self) -> bool:
        return self._process.returncode is None and not (self._process.stdout and self._process.stdout.at_eof())

    async def ask(self, order: Order) -> Answer:
        """Raises WorkerEnded."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(order.model_dump_json().encode() + b"\n")
        line = await self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise WorkerEnded(await self._process.wait())
        answer = ANSWER.validate_json(line)
        self.peak_memory_mb = answer.peak_memory_mb
        return answer

    async def kill(self) -> None:
        """At once, and waited for; killing one that has ended does nothing."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await asyncio.shield(self._process.wait())


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name.startswith(_PASSED_ON)}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TOKENIZERS_PARALLELISM": "false"}
