"""Folders for their owner alone, and files with secrets: private from the first byte on, replaced in one step."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def private_folder(path: Path) -> None:
    """Makes the folder and missing ones above it for their owner alone, whatever the umask; closes one that exists."""
    for missing in reversed([folder for folder in path.parents if not folder.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    path.chmod(0o700)


def write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    temporary.replace(path)


def write_private_json(path: Path, document: Any) -> None:
    write_private(path, json.dumps(document, indent=2) + "\n")
