"""Folders of files that one user can read."""

from __future__ import annotations

import os
from pathlib import Path

from ops.secrets.consumers import Folder
from stack.private_files import private_folder, write_private


def write_folder(parent: Path, folder: Folder) -> None:
    """Each file replaced in one step, and only where it is to change: a container may be reading it. Root hands the
    folder and all that lies in it to the container's user; nobody else could."""
    path = parent / folder.name
    private_folder(path)
    for name, text in folder.files.items():
        if not _says(path / name, text):
            write_private(path / name, text)
    for found in path.iterdir():
        found.chmod(0o600)
        _hand_over(found, folder.owner)
    _hand_over(path, folder.owner)


def _says(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


def _hand_over(path: Path, owner: int) -> None:
    if os.geteuid() == 0:
        os.chown(path, owner, owner)
