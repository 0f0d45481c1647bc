"""Why a job is where it is."""

from dataclasses import dataclass

from contracts.events import PodWaiting

RUNS = "pod_running"
WAITING_FOR_TURN = "waiting_for_turn"


@dataclass(frozen=True)
class StatusReason:
    """For a person and for a program."""

    code: str
    message: str
    suggested_fix: str = ""


def waiting_for_capacity(data: PodWaiting) -> StatusReason:
    before = f"{data.ahead} before it in line" if data.ahead else "next in line"
    message = f"Waiting for capacity: {data.provider} has no {data.gpu_type.value} machine free ({before})."
    return StatusReason("waiting_for_capacity", message)
