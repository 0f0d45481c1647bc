"""`python -m stack parked`: events that no stream can take, in the databases of this stack."""

from __future__ import annotations

import os
import subprocess
import sys

from stack.layout import ROOT, Layout
from stack.nats_permissions import SERVICES
from stack.parts.process import LOOPBACK
from stack.passwords import Passwords
from stack.problems import StackError
from stack.state import StackState, read_state
from stack.supervision import Supervision


def parked(layout: Layout, action: str) -> int:
    """Lists them, or has them tried again. Raises StackError when the stack does not run."""
    state = read_state(layout)
    if state is None or not Supervision(layout).running():
        raise StackError("The stack is not running.", "Start it with `make up`.")
    services = [name for name in SERVICES if state.program(name)]
    if not services:
        raise StackError("No service runs here.", "Start everything with `make up`.")
    packages = [f"services.{name}" for name in services]
    environment = os.environ | _database_urls(layout, state, services)
    command = [sys.executable, "-m", "chassis.parked", action, *packages]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def _database_urls(layout: Layout, state: StackState, services: list[str]) -> dict[str, str]:
    passwords, address = Passwords.ensure(layout).databases, f"{LOOPBACK}:{state.ports['postgres']}"
    return {
        f"BRIGHTRUN_{name.upper()}_DATABASE_URL": f"postgresql+asyncpg://{name}:{passwords[name]}@{address}/{name}"
        for name in services
    }
