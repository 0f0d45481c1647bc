"""How this RunPod is to be."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

SLEEPER = (sys.executable, "-S", "-c", "import time; print('ready', flush=True); time.sleep(600)")


@dataclass
class Options:
    """`command` is what runs in every pod, whatever its image. Times in seconds, money in USD."""

    folder: Path
    api_key: str = "a-key-of-the-fake-account"
    command: tuple[str, ...] = SLEEPER
    working_directory: Path = field(default_factory=Path.cwd)
    provisioning_s: float = 0.0
    starting_s: float = 0.0
    latency_s: float = 0.0
    # For so long the list does not show a new pod, and still shows one that has ended.
    list_lag_s: float = 0.0
    requests_per_minute: int = 100_000
    deposit: float = 100.0
