"""The container of a pod: what runs in it, and what that wrote."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

_PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "BASE_MODEL", "BRIGHTRUN_BASE_MODEL_DIR",
              "OMP_NUM_THREADS", "TOKENIZERS_PARALLELISM")
_PR_SET_PDEATHSIG = 1


class Container(Protocol):
    """`log` is the file with what it wrote; `pid` None until it was started."""

    log: Path

    @property
    def pid(self) -> int | None: ...

    async def start(self, environment: Mapping[str, str]) -> None: ...

    async def wait(self) -> None:
        """Until it has ended by itself or was stopped."""
        ...

    async def stop(self, grace_s: float) -> None:
        """SIGTERM, then SIGKILL. Without a grace period only the second."""
        ...


class Process:
    """One process, ended with the server whatever happens."""

    def __init__(self, folder: Path, command: tuple[str, ...], working_directory: Path) -> None:
        self.log = folder / "container.log"
        self._folder, self._command, self._working_directory = folder, command, working_directory
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def start(self, environment: Mapping[str, str]) -> None:
        (self._folder / "work").mkdir(parents=True, exist_ok=True)
        inherited = {key: value for key, value in os.environ.items() if key in _PASSED_ON}
        own = {"BRIGHTRUN_WORK_DIR": str(self._folder / "work"), "PYTHONPATH": str(self._working_directory),
               "PYTHONUNBUFFERED": "1"}
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, env={**inherited, **own, **environment}, cwd=self._working_directory,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=_die_with_parent)

    async def wait(self) -> None:
        if self._process is not None:
            await self._process.wait()

    async def stop(self, grace_s: float) -> None:
        if self._process is None or self._process.returncode is not None:
            return
        if grace_s:
            self._signal(signal.SIGTERM)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), grace_s)
        self._signal(signal.SIGKILL)
        await self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
