"""compose.yaml as the tests look at it: read once, variables at their defaults."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "compose.yaml"
SECRETS_MOUNT = "/run/secrets/brightrun"
Document = dict[str, Any]


@cache
def text() -> str:
    return COMPOSE.read_text()


def document() -> Document:
    """A fresh copy each time: tests change it."""
    return dict(yaml.safe_load(defaults(text())))


def defaults(written: str) -> str:
    """`${NAME:-default}` -> default, from the innermost out; `$$` -> `$`."""
    while (changed := re.sub(r"(?<!\$)\$\{\w+:-([^${}]*)\}", r"\1", written)) != written:
        written = changed
    return written.replace("$$", "$")


def variables(written: str) -> set[str]:
    return set(re.findall(r"(?<!\$)\$\{(\w+)", written))


def environment(service: Document) -> dict[str, str]:
    return {name: str(value) for name, value in (service.get("environment") or {}).items()}


def command(service: Document) -> list[str]:
    return [str(word) for word in service.get("command") or []]


def runs_once(service: Document) -> bool:
    return bool(service["restart"] == "no")


def mounts(service: Document) -> dict[str, str]:
    """Where it is seen -> what is mounted there."""
    pairs = [volume.split(":") for volume in service.get("volumes") or []]
    return {pair[1]: pair[0] for pair in pairs}


def secrets_folder(service: Document) -> str:
    """The folder below secrets/ that the container is given; empty: none."""
    found = [source for seen, source in mounts(service).items() if seen.startswith("/run/secrets")]
    return found[0].removeprefix("./secrets/") if found else ""
