"""Prometheus and Alertmanager of the machine; tests that need one are skipped where it is not installed."""

import shutil
import subprocess
from pathlib import Path

import pytest

HOW = "apt-get install prometheus prometheus-alertmanager"


def program(*names: str) -> str:
    """The path of the first that is installed; otherwise the test is skipped."""
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"{names[0]} is not installed here ({HOW})")
    return found


def run(*command: str | Path, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, command)), input=text, text=True, capture_output=True, check=False)
