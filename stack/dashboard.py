"""The web page among the programs of the stack: a client of the REST API, with a port of its own."""

from __future__ import annotations

import os
from pathlib import Path

from stack.parts.process import LOOPBACK
from stack.ports import is_free
from stack.problems import StackError
from stack.provider import FAKE_KUBERNETES, FAKE_RUNPOD, wanted_fake
from stack.state import StackState, operations_of, reachable_url

DASHBOARD = "dashboard"
DASHBOARD_OPERATIONS = operations_of(DASHBOARD)
PORT = 8780
_WITH_A_FAKE = {FAKE_RUNPOD: 8781, FAKE_KUBERNETES: 8782}
VARIABLE = "BRIGHTRUN_DASHBOARD_PORT"
FOLDER = Path(__file__).resolve().parents[1] / "services" / "dashboard"
# What npm fetched for it (stack/install/web_page.py).
PACKAGES = FOLDER / "node_modules"


def is_installed() -> bool:
    """Whether its style sheets and scripts are there."""
    return (PACKAGES / "htmx.org").is_dir()


def choose_port(remembered: int | None, host: str, taken: set[int]) -> int:
    """The remembered or the usual one where it is free, else 0: any other. One that was named is never moved.
    Raises StackError."""
    if named := os.environ.get(VARIABLE, ""):
        if not named.isdigit() or not 0 < int(named) < 65536:
            raise StackError(f"{VARIABLE}={named} is no port number.", "Give a number from 1 to 65535.")
        if int(named) in taken or not is_free(int(named), host):
            raise StackError(f"Port {named} on {host} is taken.", f"Stop that program, or choose another {VARIABLE}.")
        return int(named)
    usual = _WITH_A_FAKE.get(wanted_fake(), PORT)
    return next((port for port in (remembered, usual) if port and port not in taken and is_free(port, host)), 0)


def address(state: StackState) -> str:
    """Of the page; empty where it does not run."""
    program = state.program(DASHBOARD)
    return reachable_url(program.host, program.port) if program else ""


def environment(api_url: str, host: str, ports: dict[str, int], session_key: str) -> dict[str, str]:
    return {
        "BRIGHTRUN_API_URL": api_url, "BRIGHTRUN_SESSION_KEY": session_key,
        "BRIGHTRUN_HTTP_HOST": host, "BRIGHTRUN_HTTP_PORT": str(ports[DASHBOARD]),
        "BRIGHTRUN_OPERATIONS_HOST": LOOPBACK, "BRIGHTRUN_OPERATIONS_PORT": str(ports[DASHBOARD_OPERATIONS]),
    }
