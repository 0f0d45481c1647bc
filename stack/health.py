"""Whether a program of the stack is ready, asked the way its users would ask."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from stack.parts import Part
from stack.parts.process import LOOPBACK, connects
from stack.problems import StackError
from stack.state import ProgramState


@dataclass(frozen=True)
class Health:
    ready: bool
    reason: str = ""


def service_health(program: ProgramState, timeout_s: float = 3.0) -> Health:
    """Asks /health/ready. The reason names the checks that failed, also those that leave the service ready."""
    try:
        with urllib.request.urlopen(program.health, timeout=timeout_s) as answer:  # noqa: S310  our own http:// address
            degraded = _wrong_checks(answer.read())
    except urllib.error.HTTPError as error:
        return Health(False, _wrong_checks(error.read()) or f"answers {error.code}")
    except OSError:
        return Health(False, "does not answer yet")
    # Health may be told on a port of its own, which is there before the one that users talk to.
    if not connects(LOOPBACK if program.host == "0.0.0.0" else program.host, program.port):  # noqa: S104  compared
        return Health(False, "does not answer yet")
    return Health(True, degraded)


def wait_until_ready(program: ProgramState, timeout_s: float = 90.0) -> None:
    """Raises StackError when it does not get ready."""
    deadline = time.monotonic() + timeout_s
    while not (found := service_health(program)).ready:
        if time.monotonic() > deadline:
            raise StackError(f"{program.name} did not get ready: {found.reason}", f"Its log: {program.log}")
        time.sleep(0.2)


def part_health(part: Part) -> Health:
    return Health(True) if part.is_ready() else Health(False, "does not answer")


def _wrong_checks(body: bytes) -> str:
    """The chassis' document: a status, and for each check its own status with a detail."""
    try:
        document: Any = json.loads(body)
        if waiting := document.get("waiting_for"):
            return f"starting, waits for {waiting}"
        wrong = {name: check for name, check in document.get("checks", {}).items() if check["status"] != "ok"}
    except (ValueError, AttributeError, KeyError, TypeError):
        return ""
    return "; ".join(f"{name}: {check.get('detail') or 'failed'}" for name, check in wrong.items())
