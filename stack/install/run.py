"""Other programs of the installation: what a person wants to read of their words, all of them when they fail."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from stack.layout import ROOT
from stack.problems import StackError
from stack.progress import tell

# downloads and counts of uv, not 150 lines of names
WORTH_READING = ("Downloading", "Building", "Prepared", "Installed")


def run(command: list[str], environment: dict[str, str] | None = None) -> None:
    """Raises StackError with the last lines when it fails."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line.rstrip())
        show(line)
    if process.wait() != 0:
        fix = "Mend what it says and run the same command again: what is there already is kept."
        raise StackError(f"{Path(command[0]).name} {' '.join(command[1:3])} failed:\n" + "\n".join(said[-15:]), fix)


def show(line: str) -> None:
    words = line.split()
    if words and words[0] in WORTH_READING:
        tell(f"   {' '.join(words)}")


def last_line(text: str) -> str:
    return text.splitlines()[-1].strip() if text.strip() else ""
