"""The interruption of the demo: what is told of it, and that it must have happened."""

import pytest

from stack.interruption import recovery
from stack.problems import StackError


def event(kind: str, attempt: int, **payload: object) -> dict[str, object]:
    return {"type": kind, "payload": {"attempt": attempt, **payload}}


SIGTERM = event("pod.interrupted", 1, reason="SIGTERM", detected_by="sigterm")
SEEN_BY_THE_PROVIDER = event("pod.interrupted", 1, reason="RunPod says EXITED", detected_by="provider")
RESUMED = event("training.resumed", 2, resumed_from_step=4)


def test_an_interruption_counts_once_whoever_saw_it() -> None:
    told = recovery([SIGTERM, SEEN_BY_THE_PROVIDER, RESUMED])
    assert told == "interrupted 1x (SIGTERM), resumed from step 4"


@pytest.mark.parametrize("events", [[], [SIGTERM], [RESUMED]])
def test_a_demo_without_an_interruption_or_a_resumption_fails(events: list[dict[str, object]]) -> None:
    with pytest.raises(StackError, match="was to be interrupted"):
        recovery(events)
