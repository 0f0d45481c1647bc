"""What the parts have in common: a command, a port, a data folder, start, wait until ready, stop."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from stack.private_files import private_folder

LAUNCHER = Path(__file__).resolve().parents[1] / "launch.py"
LOOPBACK = "127.0.0.1"


class PartError(RuntimeError):
    """A part did not start or stop; the message says which, why and where its log is."""


@dataclass(frozen=True)
class Command:
    """How a program is run. `parent_death` is the signal it gets when whoever started it dies; `keep` is what
    `user` keeps of root's access to files (see launch.py)."""

    argv: list[str]
    env: dict[str, str] = field(default_factory=dict)
    user: str | None = None
    keep: str = ""
    parent_death: str = "KILL"

    def launched(self, parent: int | None = None) -> list[str]:
        """The argument list with the launcher in front; without `parent` the launcher's own parent counts."""
        return self.behind_launcher(*(["--parent", str(parent)] if parent else []))

    def behind_launcher(self, *options: str) -> list[str]:
        user = ["--user", self.user] if self.user else []
        keep = ["--keep", self.keep] if self.keep else []
        launcher = [sys.executable, "-S", "-E", str(LAUNCHER), "--signal", self.parent_death]
        return [*launcher, *options, *user, *keep, "--", *self.argv]


class Part:
    """One server. Subclasses give `command()`, `prepare()` and `is_ready()`."""

    name = "part"
    stop_signal = signal.SIGTERM

    def __init__(self, data_dir: Path, port: int = 0, host: str = LOOPBACK) -> None:
        self.data_dir, self.host = Path(data_dir).resolve(), host
        self.port = port or free_port(host)
        self.log_path = self.data_dir.parent / f"{self.data_dir.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Makes the data folder and configuration; safe to repeat."""
        private_folder(self.data_dir)

    def command(self) -> Command:
        raise NotImplementedError

    def is_ready(self) -> bool:
        return connects(self.host, self.port)

    def start(self, timeout_s: float = 30.0) -> None:
        """Prepares, starts and waits until ready. It dies with this process."""
        self.prepare()
        command = self.command()
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command.launched(os.getpid()),
                env={**os.environ, **command.env},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._wait_ready(timeout_s)

    def stop(self, timeout_s: float = 15.0) -> None:
        """Asks to stop and waits; kills what does not listen."""
        self._signal(self.stop_signal, timeout_s)

    def kill(self) -> None:
        """kill -9, as a power cut would."""
        self._signal(signal.SIGKILL, 5.0)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.poll() is None else None

    def wipe(self) -> None:
        """Deletes the data of a stopped part."""
        shutil.rmtree(self.data_dir, ignore_errors=True)

    def _signal(self, number: int, timeout_s: float) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5.0)

    def _wait_ready(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not self.is_ready():
            if self.pid is None:
                raise PartError(f"{self.name} ended while starting.\n{self._log_tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise PartError(f"{self.name} was not ready after {timeout_s:.0f} s.\n{self._log_tail()}")
            time.sleep(0.03)

    def _log_tail(self) -> str:
        text = self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
        return f"Log {self.log_path}:\n" + "\n".join(text.splitlines()[-15:])


def free_port(host: str = LOOPBACK) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def connects(host: str, port: int, timeout_s: float = 0.5) -> bool:
    try:
        with socket.create_connection((host, port), timeout_s):
            return True
    except OSError:
        return False


def package_folder(package: str) -> Path:
    """Where a package is installed, without importing it."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise PartError(f"The Python package {package} is not installed. Run `make setup`.")
    return Path(spec.submodule_search_locations[0])
