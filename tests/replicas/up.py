"""`python -m stack up` with what the tests need inside and between the replicas.

The first replica of each service reaches NATS and PostgreSQL through the proxies of the tests (REPLICA_NATS_PORT,
REPLICA_POSTGRES_PORT); the clock of the second one is ahead. Both have traps (tests/replicas/inside).
"""

import os
import sys
from pathlib import Path

from stack import __main__ as stack
from stack.parts.process import LOOPBACK
from stack.programs import Blueprint

INSIDE = Path(__file__).parent / "inside"
AHEAD_S = 30
_as_usual = Blueprint.service_environment


def _arranged(self: Blueprint, name: str, replica: str = "") -> dict[str, str]:
    told = _as_usual(self, name, replica)
    if not replica:  # a job of the start itself
        return told
    told |= {"REPLICA_OF": name, "PYTHONPATH": f"{INSIDE}{os.pathsep}{told['PYTHONPATH']}",
             "REPLICA_TRAPS": os.environ["REPLICA_TRAPS"]}
    return told | (_behind_proxies(self, told) if replica.endswith("-1") else {"REPLICA_AHEAD_S": str(AHEAD_S)})


def _behind_proxies(self: Blueprint, told: dict[str, str]) -> dict[str, str]:
    """Pods are not behind them."""
    here, there = f"{LOOPBACK}:{self.ports['postgres']}/", f"{LOOPBACK}:{os.environ['REPLICA_POSTGRES_PORT']}/"
    nats = self.ports["nats"]
    return {
        **{name: value.replace(here, there) for name, value in told.items() if here in value},
        "BRIGHTRUN_NATS_URL": told["BRIGHTRUN_NATS_URL"].replace(
            f"{LOOPBACK}:{nats}", f"{LOOPBACK}:{os.environ['REPLICA_NATS_PORT']}"),
        "BRIGHTRUN_POD_NATS_URL": told["BRIGHTRUN_NATS_URL"],
    }


if __name__ == "__main__":
    Blueprint.service_environment = _arranged  # type: ignore[method-assign]
    sys.exit(stack.main(["up"]))
