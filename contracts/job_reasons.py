"""Why a job is where it is."""

from dataclasses import dataclass

from contracts.events import CostLimitReached, PodWaiting
from contracts.money import format_usd

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


def idle(kept: int | None) -> StatusReason:
    """Of a paused job whose machine is gone. `kept`: the step of its newest checkpoint."""
    progress = f"it goes on from step {kept}" if kept is not None else "it begins anew, no checkpoint was saved yet"
    return StatusReason("paused", f"Paused; {progress}. No machine runs, nothing is billed.")


def budget_stop_message(data: CostLimitReached) -> str:
    return (f"The run has cost {format_usd(data.cost_micro_usd)}, {format_usd(data.reserved_micro_usd)} were set "
            f"aside, and the {format_usd(data.budget_micro_usd)} budget of {data.month} is used up.")
