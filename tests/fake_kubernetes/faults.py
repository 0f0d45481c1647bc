"""What goes wrong, as ordered by a test. Each entry of a list is used once, by the next request of its kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class CreateFault(Enum):
    LOST_ANSWER = "lost_answer"  # the Job is made, the connection breaks without an answer
    SLOW_ANSWER = "slow_answer"  # the Job is made, the answer comes after `slow_s`
    ERROR_AFTER = "error_after"  # the Job is made, the answer is 500
    ERROR_BEFORE = "error_before"  # no Job, the answer is 503


@dataclass
class Faults:
    create: list[CreateFault] = field(default_factory=list)
    secret: list[int] = field(default_factory=list)  # statuses for the next Secrets
    resume: list[int] = field(default_factory=list)
    delete: list[int] = field(default_factory=list)
    any_call: list[int] = field(default_factory=list)
    rate_limited: list[int] = field(default_factory=list)  # seconds that a 429 asks to wait
    expired_pages: int = 0  # so many further pages of lists are answered 410
    slow_s: float = 2.0
    forbidden: str = ""  # words of a 403 for every new Job
    # Words of the job controller, which can make no pod (a quota, a policy).
    no_pods: str = ""
    # The kubelet cannot pull the image, in these words; empty: it can.
    image: str = ""
