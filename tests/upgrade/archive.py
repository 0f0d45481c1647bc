"""A state folder as an archive of a few hundred kilobytes: databases as SQL, objects that something still needs."""

from __future__ import annotations

import json
import lzma
import os
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from contracts.local_base_model import SHIPPED_BASE_MODEL
from stack.parts import PostgresPart

HERE = Path(__file__).parent
STATES, MESSAGES = HERE / "states", HERE / "messages"
DUMP, SHOWN = "databases.sql", "shown.json"
# Made anew at every start, or of no use to the next version.
_LEFT_OUT = ("pg", "pg.log", "logs", "valkey", "supervisor", "models", "demo", "backup")
_LARGEST_POD_FILE = 64 * 1024
# Where the base model lay when the state was made; a job keeps the folder that it was made with.
_BASE_MODEL = re.compile(r"/[^\s\"'\\]*/trainer_image/base_model/shipped")
_XZ = {"format": lzma.FORMAT_XZ, "preset": 9 | lzma.PRESET_EXTREME}


def pack(data: Path, shown: dict[str, Any], target: Path) -> None:
    """After the power cut: the cluster is started once more, only to be read."""
    (data / DUMP).write_text(_dump(_cluster(data)))
    (data / SHOWN).write_text(json.dumps(shown, indent=1, default=str))
    target.parent.mkdir(exist_ok=True)
    with lzma.open(target, "wb", **_XZ) as file, tarfile.open(fileobj=file, mode="w") as archive:
        for path in sorted(data.rglob("*")):
            name = path.relative_to(data)
            if name.parts[0] not in _LEFT_OUT and path.is_file() and _is_needed(path, name, shown):
                archive.add(path, str(name))


def _is_needed(path: Path, name: Path, shown: dict[str, Any]) -> bool:
    """Of checkpoints only those of the job that goes on; downloads are prepared anew when they are asked for."""
    if name.parts[0] == "pods":
        return path.stat().st_size <= _LARGEST_POD_FILE
    if "deliveries" in name.parts:
        return False
    return "training-checkpoints" not in name.parts or shown["cut off"]["job"]["id"] in name.parts


def unpack(version: str, folder: Path) -> dict[str, Any]:
    """A state folder that a stack of this user can start over; what clients were shown before."""
    with tarfile.open(STATES / f"{version}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    for path in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        path.chmod(0o710 if path == folder and os.geteuid() == 0 else 0o700)
    server = _cluster(folder)
    server.start()
    try:
        server.sql(_BASE_MODEL.sub(str(SHIPPED_BASE_MODEL), (folder / DUMP).read_text()))
    finally:
        server.stop()
    return dict(json.loads((folder / SHOWN).read_text()))


def _cluster(folder: Path) -> PostgresPart:
    return PostgresPart(folder / "pg", password=json.loads((folder / "secrets.json").read_text())["postgres"])


def _dump(server: PostgresPart) -> str:
    """Roles with their passwords, databases with their comments, rows. The superuser is there already."""
    server.start()
    try:
        done = subprocess.run(
            [server.binaries / "pg_dumpall", "-h", server.host, "-p", str(server.port), "-U", "postgres"],
            env={**os.environ, "PGPASSWORD": server.password}, capture_output=True, text=True, check=True)
    finally:
        server.stop()
    own = ("CREATE ROLE postgres;", "ALTER ROLE postgres ", "\\restrict", "\\unrestrict")
    return "".join(line for line in done.stdout.splitlines(keepends=True) if not line.startswith(own))


def write_messages(version: str, messages: list[dict[str, Any]]) -> Path:
    MESSAGES.mkdir(exist_ok=True)
    path = MESSAGES / f"{version}.jsonl.xz"
    with lzma.open(path, "wt", **_XZ) as file:
        file.writelines(json.dumps(message) + "\n" for message in messages)
    return path


def read_messages(version: str) -> list[dict[str, Any]]:
    with lzma.open(MESSAGES / f"{version}.jsonl.xz", "rt") as file:
        return [json.loads(line) for line in file]
