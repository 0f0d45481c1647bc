"""`stack.json`: what the stack is made of and where it listens. No secrets; the command line reads it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from stack.layout import Layout
from stack.parts.process import LOOPBACK
from stack.ports import inner_ports, rest_port
from stack.private_files import write_private_json
from stack.replicas import service_of

VERSION = 1
REST_SERVICE = "job_api"


def operations_of(name: str) -> str:
    """The port where a replica of the REST service has its metrics and health in detail: the others have them on their
    only port."""
    return f"{name}_operations"


OPERATIONS = operations_of(REST_SERVICE)


@dataclass(frozen=True)
class ProgramState:
    """`health` is a URL that answers 200 when ready; empty for servers that are asked in their own protocol."""

    name: str
    kind: str
    host: str
    port: int
    log: str
    health: str = ""


@dataclass(frozen=True)
class StackState:
    url: str
    host: str
    ports: dict[str, int]
    supervisor: dict[str, str]
    credentials: str
    programs: tuple[ProgramState, ...] = ()
    version: int = VERSION
    data_dir: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    # Processes of each service; `programs` lists every one.
    replicas: int = 1

    def program(self, name: str) -> ProgramState | None:
        """By its own name, or the first replica of a service."""
        return next(iter(self.programs_of(name)), None)

    def programs_of(self, name: str) -> list[ProgramState]:
        """One program, or all replicas of a service."""
        return [program for program in self.programs if name in (program.name, service_of(program.name))]

    @property
    def selected(self) -> tuple[str, ...]:
        """What was started, without regard to replicas."""
        return tuple(dict.fromkeys(service_of(program.name) for program in self.programs))

    def save(self, layout: Layout) -> None:
        write_private_json(layout.state_file, asdict(self))


def read_state(layout: Layout) -> StackState | None:
    """None when there has never been a stack here."""
    document = _read(layout.state_file)
    if not document or document.get("version") != VERSION:
        return None
    return StackState(**{**document, "programs": tuple(ProgramState(**p) for p in document["programs"])})


def choose_ports(
    layout: Layout, names: list[str], *, wanted_port: int | None = None, host: str = LOOPBACK
) -> dict[str, int]:
    """A port for every program: the remembered ones where they are free. Raises StackError for the REST port."""
    remembered = remembered_ports(layout)
    ports = inner_ports([name for name in names if name != REST_SERVICE], remembered)
    if REST_SERVICE in names:
        ports[REST_SERVICE] = rest_port(wanted_port, remembered.get(REST_SERVICE), host)
    return {**remembered, **ports}


def remembered_ports(layout: Layout) -> dict[str, int]:
    """Of the start before; none where there was none."""
    found: dict[str, int] = _read(layout.state_file).get("ports", {})
    return found


def reachable_url(host: str, port: int) -> str:
    """A server that listens everywhere is reached by the loopback address from here."""
    return f"http://{LOOPBACK if listens_everywhere(host) else host}:{port}"


def listens_everywhere(host: str) -> bool:
    return host in ("", "0.0.0.0", "::")  # noqa: S104  compared, not bound


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
