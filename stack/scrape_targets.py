"""Whom Prometheus looks at: written at each start, and read by it again when they change."""

from __future__ import annotations

from urllib.parse import urlsplit

from stack.layout import Layout
from stack.nats_permissions import TOPOLOGY
from stack.private_files import private_folder, write_private_json
from stack.replicas import service_of
from stack.state import ProgramState, StackState


def write_targets(layout: Layout, state: StackState) -> None:
    """Every program that has metrics, with the service that it is; and where Alertmanager listens."""
    folder = layout.data / "prometheus" / "targets"
    for each in (folder.parent, folder, folder / "alertmanager"):
        private_folder(each)
    programs = [{"targets": [address], "labels": {"service": service_of(program.name)}}
                for program in state.programs if (address := _address(program))]
    write_private_json(folder / "brightrun.json", programs)
    alertmanager = state.program("alertmanager")
    found = [f"{alertmanager.host}:{alertmanager.port}"] if alertmanager else []
    write_private_json(folder / "alertmanager" / "alertmanager.json", [{"targets": found}])


def _address(program: ProgramState) -> str:
    """Metrics are where health is told in words; the keeper of the topology has no health. Empty: it has none."""
    if program.name == TOPOLOGY and program.port:
        return f"{program.host}:{program.port}"
    return urlsplit(program.health).netloc
