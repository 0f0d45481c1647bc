"""A stack with two replicas of each service: traps that stop one of them, proxies before the first of each."""

import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fixtures.partition import Partition
from tests.system.stack_under_test import StackUnderTest

# What is promised is half a minute; busy machines get more. What it took is printed, and kept in docs/benchmarks.md.
PATIENCE_S = 90.0


@dataclass(frozen=True)
class Stopped:
    """A replica that stopped in a trap, `at` (this machine's time). `about`: what it was at, as the trap noted it."""

    trap: str
    pid: int
    at: float
    about: dict[str, str]


class TwoOfEach(StackUnderTest):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder / ".data")
        self.traps = folder / "traps"
        self.traps.mkdir()
        self.nats = Partition(lambda: self._port("nats"))
        self.postgres = Partition(lambda: self._port("postgres"))

    def up(self) -> None:
        self.nats.__enter__()
        self.postgres.__enter__()
        self.environment |= {
            "BRIGHTRUN_REPLICAS": "2", "REPLICA_TRAPS": str(self.traps), "REPLICA_NATS_PORT": str(self.nats.port),
            "REPLICA_POSTGRES_PORT": str(self.postgres.port)}
        self.command("tests.replicas.up")

    def down(self) -> None:
        self.wake()
        super().down()
        self.nats.__exit__()
        self.postgres.__exit__()

    def arm(self, *traps: str) -> None:
        """`kind.service`, see tests/replicas/inside: the first replica to come there stops."""
        for trap in traps:
            (self.traps / f"{trap}.sprung").unlink(missing_ok=True)
            (self.traps / trap).touch()

    def relieved(self, tasks: dict[str, Callable[[Stopped], Any]]) -> list[Stopped]:
        """Who stopped in each trap, once the other replica has done what it was at: the condition of the trap."""
        waiting, done = dict(tasks), list[Stopped]()
        deadline = time.monotonic() + 4 * PATIENCE_S
        while waiting:
            for trap, condition in list(waiting.items()):
                if (stopped := self._stopped(trap)) is not None and condition(stopped):
                    print(f"takeover {trap:24} {time.time() - stopped.at:5.1f} s", flush=True)
                    done.append(stopped)
                    del waiting[trap]
            assert time.monotonic() < deadline, f"not relieved, or never there: {', '.join(waiting)}"
            time.sleep(0.1)
        return done

    def _stopped(self, trap: str) -> Stopped | None:
        note = self.traps / f"{trap}.sprung"
        if not note.exists():
            return None
        about = json.loads(note.read_text())
        return Stopped(trap, int(about.pop("pid")), note.stat().st_mtime, about)

    def wake(self) -> None:
        """Disarm, and let whoever stopped go on."""
        for trap in self.traps.iterdir():
            if trap.suffix == ".sprung":
                with suppress(ProcessLookupError):
                    os.kill(int(json.loads(trap.read_text())["pid"]), signal.SIGCONT)
            trap.unlink()

    def until(self, condition: Callable[[], Any], what: str, timeout_s: float = PATIENCE_S) -> Any:
        deadline = time.monotonic() + timeout_s
        while not (found := condition()):
            assert time.monotonic() < deadline, what
            time.sleep(0.1)
        return found

    def kill_replica(self, name: str) -> bool:
        """kill -9, where it runs just now."""
        pid = int(self.programs().get(name, {}).get("pid", 0))
        with suppress(ProcessLookupError):
            if pid > 0:
                os.kill(pid, signal.SIGKILL)
                return True
        return False

    def is_awake(self, pid: int) -> bool:
        return "T" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]

    def all_ready(self) -> bool:
        rows = self.programs().values()
        return bool(rows) and all(row["ready"] for row in rows)

    def holder(self, service: str, lease: str) -> str:
        mine = f"name = '{lease}' AND expires_at > clock_timestamp()"
        rows = self.query(service, f"SELECT holder FROM leases WHERE {mine}")
        return str(rows[0]["holder"]) if rows else ""

    def _port(self, server: str) -> int:
        return int(json.loads((self.data / "stack.json").read_text())["ports"][server])
