"""How this RunPod is to be."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.fake_runpod.process import Container, Process

SLEEPER = (sys.executable, "-S", "-c", "import time; print('ready', flush=True); time.sleep(600)")


@dataclass
class Options:
    """`command` is what runs in every pod, whatever its image; `container` makes what runs a pod in its folder in place
    of a process of its own. Times in seconds, money in USD."""

    folder: Path
    api_key: str = "a-key-of-the-fake-account"
    command: tuple[str, ...] = SLEEPER
    working_directory: Path = field(default_factory=Path.cwd)
    container: Callable[[Path], Container] | None = None
    provisioning_s: float = 0.0
    starting_s: float = 0.0
    latency_s: float = 0.0
    # For so long the list does not show a new pod, and still shows one that has ended.
    list_lag_s: float = 0.0
    requests_per_minute: int = 100_000
    deposit: float = 100.0
    # From SIGTERM to SIGKILL for a pod that is deleted.
    stop_grace_s: float = 5.0
    # Every request and its answer are kept for `exchanges`: not for hours.
    keeps_exchanges: bool = True

    def new_container(self, folder: Path) -> Container:
        if self.container is not None:
            return self.container(folder)
        return Process(folder, self.command, self.working_directory)
