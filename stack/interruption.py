"""The fake RunPod takes a machine of the demo back in the middle of the training; what became of it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence
from typing import Any

from stack.layout import Layout
from stack.parts import FakeRunPodPart
from stack.problems import StackError
from stack.provider import FAKE_RUNPOD_PROGRAM
from stack.state import StackState

# In the trainer's log: a checkpoint lies in the object store, and a later step has been computed.
_AFTER_A_CHECKPOINT = r"checkpoint of step \d+: [\d.]+ MB.* step \d+/\d+ loss"
# RunPod kills so long after SIGTERM.
_NOTICE_S = 5.0


def order_interruption(layout: Layout, state: StackState) -> bool:
    """Have the next machine taken back during its training. False: this stack rents none."""
    program = state.program(FAKE_RUNPOD_PROGRAM)
    if program is None:
        return False
    part = FakeRunPodPart(layout.runpod, program.port, pods_dir=layout.pods)
    request = urllib.request.Request(  # noqa: S310  our own http:// address
        f"{part.url}/faults/reclaim", method="POST",
        data=json.dumps({"after": _AFTER_A_CHECKPOINT, "notice_s": _NOTICE_S}).encode(),
        headers={"Authorization": f"Bearer {part.secret_file.read_text()}"})
    try:
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310
    except OSError as error:
        raise StackError(f"The fake RunPod does not take the order of an interruption: {error}.",
                         f"Its log: {program.log}") from error
    return True


def recovery(events: Sequence[dict[str, Any]]) -> str:
    """What the job's events tell. Raises StackError when there was no interruption, or nothing to resume from."""
    interrupted = [event for event in events if event["type"] == "pod.interrupted"]
    resumed = [event["payload"]["resumed_from_step"] for event in events if event["type"] == "training.resumed"]
    if not interrupted or not resumed:
        raise StackError("The training was to be interrupted and to resume from a checkpoint, and was not: "
                         f"{len(interrupted)} interruptions, {len(resumed)} resumptions.", "`make logs` shows more.")
    attempts = {event["payload"]["attempt"] for event in interrupted}
    steps = ", then ".join(f"step {step}" for step in resumed)
    return f"interrupted {len(attempts)}x ({interrupted[0]['payload']['reason']}), resumed from {steps}"
