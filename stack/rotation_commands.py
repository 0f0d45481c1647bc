"""`python -m stack rotate-broker`: of the stack on this machine. Elsewhere: `python -m ops.secrets.rotate`."""

from __future__ import annotations

import asyncio
import time

from stack.broker_rotation import Broker, Options, Outcome, rotate
from stack.layout import Layout
from stack.nats_security import NatsSecurity
from stack.parts import NatsPart
from stack.parts.process import LOOPBACK
from stack.problems import StackError
from stack.state import read_state
from stack.supervision import Supervision

_NATS = "nats"
_RESTARTED_WITHIN_S = 60.0


def rotate_broker(layout: Layout, which: str, options: Options) -> Outcome:
    """Raises StackError."""
    state = read_state(layout)
    if state is None or _NATS not in state.ports:
        raise StackError("The stack is not running.", "Start it with `make up`.")
    port = state.ports[_NATS]

    def restart(security: NatsSecurity) -> None:
        _restart(layout, NatsPart(layout.data / _NATS, port, extra_config=security.server_config()))

    broker = Broker(f"nats://{LOOPBACK}:{port}", restart=restart)
    return asyncio.run(rotate(layout.data / _NATS, broker, which, options))


def _restart(layout: Layout, part: NatsPart) -> None:
    """Who is connected comes back within a second, and says again what was not confirmed."""
    part.prepare()
    supervision = Supervision(layout)
    supervision.stop_program(_NATS)
    supervision.start_program(_NATS)
    deadline = time.monotonic() + _RESTARTED_WITHIN_S
    while not part.is_ready():
        if time.monotonic() > deadline:
            raise StackError("The broker did not come back.", "`make logs` shows more.")
        time.sleep(0.05)
