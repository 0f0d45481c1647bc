"""The folder of one local pod: what the shim wrote there, and whether it still lives."""

import fcntl
import json
import os
import shutil
import signal
import struct
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.provisioner.ports import Machine, MachineState

LOG = "trainer.log"
ENDED = ".ended"
STATUS, EXIT = "status.json", "exit.json"
_NO_LAST_WORD = "the shim was killed"
# struct flock on Linux: type, whence, start, length, pid
_FLOCK = "hhqqi"


@dataclass(frozen=True)
class PodFolder:
    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    def prepare(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.path / "work").mkdir(exist_ok=True)

    def shim(self) -> int | None:
        """The pid of the process that holds the lock, asked without taking it; None when nobody does."""
        try:
            descriptor = os.open(self.path / "lock", os.O_RDWR)
        except FileNotFoundError:
            return None
        try:
            question = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind, *_, pid = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, question))
        finally:
            os.close(descriptor)
        return None if kind == fcntl.F_UNLCK else int(pid)

    def machine(self) -> Machine | None:
        """What this folder says; None when no trainer was ever started in it."""
        # The order matters: a shim that is gone has written all it will, one that lives may still write.
        shim = self.shim()
        status, exited = self._read(STATUS), self._read(EXIT)
        if status is None:
            return Machine(self.name, self.name, MachineState.STARTING) if shim else None
        since = _time(status["started_at"])
        machine = Machine(self.name, self.name, MachineState.RUNNING, since, since)
        if exited is not None:
            return replace(machine, state=MachineState.EXITED, exit_code=exited["exit_code"],
                           exited_at=_time(exited["exited_at"]), reason=str(exited["reason"]))
        if shim is not None:
            return machine
        return replace(machine, state=MachineState.EXITED, exited_at=_time(self._last_sign_of_life()),
                       reason=_NO_LAST_WORD)

    def stop(self) -> None:
        """Ask the shim to end its trainer."""
        shim = self.shim()
        if shim is not None:
            os.kill(shim, signal.SIGTERM)

    def kill_leftovers(self) -> None:
        """A trainer whose shim is gone is dead by the kernel's hand; its process group may hold workers."""
        status = self._read(STATUS)
        if status is None or self.shim() is not None:
            return
        pid = int(status["trainer_pid"])
        if start_ticks(pid) == status["trainer_start_ticks"]:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    def retire(self, ended: Path) -> None:
        """Keep log and exit status, drop the working files (they can be large)."""
        if self._read(STATUS) is not None and self._read(EXIT) is None:
            self._write_end()
        shutil.rmtree(self.path / "work", ignore_errors=True)
        ended.mkdir(parents=True, exist_ok=True)
        target = ended / self.name
        shutil.rmtree(target, ignore_errors=True)
        os.replace(self.path, target)

    def delete(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def _last_sign_of_life(self) -> float:
        """When the pod last wrote a file. Its machine may have been without power since: nobody pays for that."""
        times = []
        for folder, _, names in os.walk(self.path):  # another thread may be removing them
            for name in names:
                with suppress(FileNotFoundError):
                    times.append((Path(folder) / name).stat().st_mtime)
        return max(times, default=time.time())

    def _write_end(self) -> None:
        """What the shim could not write, before the files that tell it are gone."""
        words = {"exit_code": None, "exited_at": self._last_sign_of_life(), "reason": _NO_LAST_WORD}
        new = self.path / f"{EXIT}.new"
        new.write_text(json.dumps(words))
        os.replace(new, self.path / EXIT)

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            content = json.loads((self.path / name).read_text())
        except FileNotFoundError:
            return None
        return dict(content)


def start_ticks(pid: int) -> str | None:
    """When the process began; tells it from a later one with the same number. None: no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
