"""Python runs this in each replica before anything else (`PYTHONPATH`, see tests/replicas/up.py).

Traps: a file in REPLICA_TRAPS arms one. The replica that comes there first takes the file away, leaves a note who it is
and stops itself (SIGSTOP), in the middle of what it does. REPLICA_AHEAD_S: how far its clock is ahead.
"""

import importlib
import json
import os
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

SERVICE, TRAPS = os.environ.get("REPLICA_OF", ""), Path(os.environ.get("REPLICA_TRAPS", ""))
AHEAD = timedelta(seconds=float(os.environ.get("REPLICA_AHEAD_S") or 0))
# What asks the machine for the time and says it to others (tests/architecture/test_clocks.py).
TIMED = ["chassis.clock", "contracts.envelope", "chassis.messaging.nats_jwt"]
TIMED_OF_ONE = {"provisioner": ["services.provisioner.adapters.nats_access"]}
# Kind of trap -> where: module, owner of the function (a class, or nothing), its name. The trap is behind it.
EVERYWHERE = {
    "relay": ("chassis.messaging.relay", "", "publish_by_key"),  # published, and not marked as such
    "handler": ("chassis.messaging.middleware", "", "claim"),  # in the transaction of the event
}
OF_ONE = {
    "cost_guard": {"meter": ("services.cost_guard.application.workers.meter", "", "report_cost")},  # in its transaction
    # made, and not written down
    "provisioner": {"create": ("services.provisioner.adapters.local", "LocalProvider", "create")},
    "metrics_ingest": {"batch": ("services.metrics_ingest.subscribers.reports", "ReportBatches", "take")},  # not acked
}


class Ahead(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return datetime.now(tz) + AHEAD


def spring(kind: str, about: dict[str, Any]) -> None:
    trap = TRAPS / f"{kind}.{SERVICE}"
    try:
        trap.unlink()
    except FileNotFoundError:
        return
    note = TRAPS / f".{kind}.{SERVICE}"
    note.write_text(json.dumps({"pid": os.getpid(), **{name: str(value) for name, value in about.items()}}))
    note.rename(TRAPS / f"{kind}.{SERVICE}.sprung")
    os.kill(os.getpid(), signal.SIGSTOP)


def set_trap(kind: str, module: str, owner: str, name: str) -> None:
    holder: Any = importlib.import_module(module)
    holder = getattr(holder, owner) if owner else holder
    original: Callable[..., Any] = getattr(holder, name)

    async def trapped(*args: Any, **kwargs: Any) -> Any:
        result = await original(*args, **kwargs)
        spring(kind, kwargs)
        return result

    setattr(holder, name, trapped)


if SERVICE:
    for kind, place in {**EVERYWHERE, **OF_ONE.get(SERVICE, {})}.items():
        set_trap(kind, *place)
    if AHEAD:
        for timed in TIMED + TIMED_OF_ONE.get(SERVICE, []):
            importlib.import_module(timed).datetime = Ahead  # type: ignore[attr-defined]
