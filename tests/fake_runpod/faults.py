"""What goes wrong: as ordered by a test, or by chance at stated rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fake_runpod.reclaim import Reclaim


class CreateFault(Enum):
    LOST_ANSWER = "lost_answer"  # the pod is made, the connection breaks without an answer
    SLOW_ANSWER = "slow_answer"  # the pod is made, the answer comes after `slow_s`
    ERROR_AFTER = "error_after"  # the pod is made, the answer is 500
    ERROR_BEFORE = "error_before"  # no pod, the answer is 502
    TWICE = "twice"  # two pods of the same name are made, the answer tells of the first


@dataclass(frozen=True)
class Chances:
    """Shares (0 to 1) of the calls, and of the new pods, that a fault meets. `random` decides, and repeats itself."""

    random: Random = field(default_factory=lambda: Random(0))
    create: Mapping[CreateFault, float] = field(default_factory=dict)
    delete: float = 0.0  # is answered 500 instead of deleting
    any_call: float = 0.0  # is answered 503
    rate_limited: float = 0.0  # is answered 429 and asks to wait `pause_s`
    pause_s: int = 1
    dead: float = 0.0  # says RUNNING, and nothing runs in it

    def hits(self, share: float) -> bool:
        return share > 0 and self.random.random() < share

    def create_fault(self) -> CreateFault | None:
        drawn = self.random.random() if self.create else 1.0
        for fault, share in self.create.items():
            drawn -= share
            if drawn < 0:
                return fault
        return None


@dataclass
class Faults:
    """Each entry of a list is used once, by the next call of its kind; where a list is empty, `chances` decide."""

    chances: Chances = field(default_factory=Chances)
    create: list[CreateFault] = field(default_factory=list)
    delete: list[int] = field(default_factory=list)  # statuses to answer instead of deleting
    any_call: list[int] = field(default_factory=list)  # the same, for whatever is asked next
    reclaim: list[Reclaim] = field(default_factory=list)  # for the next machine that is made, when it comes to that
    slow_s: float = 2.0
    # New pods say RUNNING and nothing runs in them.
    dead: bool = False
    # Nobody gets a machine before this moment of the provider's clock.
    no_capacity_until: datetime | None = None
    # A rule that every create breaks, in the provider's words.
    broken_rule: str | None = None
    forbidden_gpus: set[str] = field(default_factory=set)
    # The mutation for spot pods is gone from the schema; or it is there and refuses; or all of GraphQL answers 410.
    spot_withdrawn: bool = False
    spot_disabled: bool = False
    graphql_gone: bool = False
    graphql: list[int] = field(default_factory=list)  # statuses, for its next calls; a 429 asks to wait an hour
    # Seconds that a 429 asks to wait, for as many calls as there are entries.
    rate_limited: list[int] = field(default_factory=list)

    def next_create(self) -> CreateFault | None:
        return self.create.pop(0) if self.create else self.chances.create_fault()

    def next_delete(self) -> int | None:
        return self._next(self.delete, self.chances.delete, 500)

    def next_status(self) -> int | None:
        return self._next(self.any_call, self.chances.any_call, 503)

    def next_pause(self) -> int | None:
        return self._next(self.rate_limited, self.chances.rate_limited, self.chances.pause_s)

    def next_is_dead(self) -> bool:
        return self.dead or self.chances.hits(self.chances.dead)

    def _next(self, ordered: list[int], share: float, by_chance: int) -> int | None:
        if ordered:
            return ordered.pop(0)
        return by_chance if self.chances.hits(share) else None
