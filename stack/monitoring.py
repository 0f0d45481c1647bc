"""Whether Prometheus and Alertmanager run beside the stack (`make up MONITORING=1`), and whom they look at."""

from __future__ import annotations

import os
import shutil
from urllib.parse import urlsplit

from stack.layout import Layout
from stack.private_files import private_folder, write_private_json
from stack.state import StackState

VARIABLE = "BRIGHTRUN_MONITORING"
# What a program is called where it is installed, by our name.
EXECUTABLES = {"prometheus": ("prometheus",), "alertmanager": ("alertmanager", "prometheus-alertmanager")}
PROGRAMS = tuple(EXECUTABLES)
HOW_TO_GET_THEM = "apt-get install prometheus prometheus-alertmanager (or prometheus.io/download), then make up again."


def is_wanted() -> bool:
    return os.environ.get(VARIABLE, "") not in ("", "0")


def executable(name: str) -> str | None:
    """Debian installs into folders that are not in everybody's PATH."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/bin", "/usr/local/bin"])
    return next((found for each in EXECUTABLES[name] if (found := shutil.which(each, path=path))), None)


def installed() -> tuple[str, ...]:
    return tuple(name for name in PROGRAMS if executable(name))


def missing() -> tuple[str, ...]:
    """What is wanted and not there."""
    return tuple(name for name in PROGRAMS if not executable(name)) if is_wanted() else ()


def write_targets(layout: Layout, state: StackState) -> None:
    """Prometheus reads them again when they change: every program that has metrics, with the service that it is."""
    folder = layout.data / "prometheus" / "targets"
    private_folder(folder.parent)
    private_folder(folder)
    programs = [{"targets": [address], "labels": {"service": name}} for name, address in _addresses(state)]
    write_private_json(folder / "brightrun.json", programs)
    private_folder(folder / "alertmanager")
    alertmanager = state.program("alertmanager")
    found = [f"{alertmanager.host}:{alertmanager.port}"] if alertmanager else []
    write_private_json(folder / "alertmanager" / "alertmanager.json", [{"targets": found}])


def _addresses(state: StackState) -> list[tuple[str, str]]:
    """(service, host:port): metrics are where health is told in words. The keeper of the topology has no health."""
    found = [(program.name, urlsplit(program.health).netloc) for program in state.programs if program.health]
    if (topology := state.program("topology")) and topology.port:
        found.append((topology.name, f"{topology.host}:{topology.port}"))
    return found
