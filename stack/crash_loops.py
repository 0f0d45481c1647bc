"""Programs that end again and again while they should get ready: waiting longer for them is of no use."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection

from stack.supervision import Supervision

STARTS_BEFORE_GIVING_UP = 4
LOOK_EVERY_S = 0.5


class CrashLoops:
    def __init__(self, supervision: Supervision) -> None:
        self.supervision, self.looked_at = supervision, 0.0
        self.pids: dict[str, set[int]] = defaultdict(set)

    def among(self, names: Collection[str]) -> list[str]:
        """Those of them that the supervisor has had to start too often; asks it now and then only."""
        if time.monotonic() - self.looked_at > LOOK_EVERY_S:
            self.looked_at = time.monotonic()
            for name, process in self.supervision.processes().items():
                self.pids[name].update({int(process["pid"])} - {0})
        return [name for name in names if len(self.pids[name]) >= STARTS_BEFORE_GIVING_UP]
