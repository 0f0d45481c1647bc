"""What goes wrong, as ordered by a test."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fake_runpod.reclaim import Reclaim


class CreateFault(Enum):
    LOST_ANSWER = "lost_answer"  # the pod is made, the connection breaks without an answer
    SLOW_ANSWER = "slow_answer"  # the pod is made, the answer comes after `slow_s`
    ERROR_AFTER = "error_after"  # the pod is made, the answer is 500
    ERROR_BEFORE = "error_before"  # no pod, the answer is 502


@dataclass
class Faults:
    """Each entry of a list is used once, by the next call of its kind."""

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
