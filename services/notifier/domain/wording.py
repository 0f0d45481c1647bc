"""What is worth telling, and in which words."""

from datetime import datetime, timedelta
from functools import singledispatch
from uuid import UUID

from contracts.envelope import EventData
from contracts.events import (
    BudgetExceeded,
    BudgetThreshold,
    CostOverrun,
    JobCompleted,
    JobFailed,
    PodInterrupted,
)
from contracts.money import format_usd
from contracts.rpc.notifications import Happening
from services.notifier.domain.messages import Message

# What can be told, as people choose among it.
TITLES = {
    Happening.JOB_COMPLETED: "A training finished",
    Happening.JOB_FAILED: "A training failed",
    Happening.JOB_INTERRUPTED: "A training was interrupted and goes on",
    Happening.COST_OVERRUN: "A job costs more than estimated",
    Happening.BUDGET_THRESHOLD: "A threshold of the month's budget is reached",
    Happening.BUDGET_EXCEEDED: "The month's budget is exceeded",
}


def trial_message(workspace_id: UUID, now: datetime) -> Message:
    """One a minute: the minute is its name."""
    lines = ("Somebody of the workspace asked for this message.", "Notifications arrive here. Nothing to do.")
    return Message("test", f"test:{workspace_id}:{now:%Y%m%d%H%M}", workspace_id, None, "A test message", lines)


@singledispatch
def message_for(data: EventData, event_id: UUID) -> Message:
    raise TypeError(f"no message is written for {data.event_type()}")


@message_for.register
def _(data: JobCompleted, event_id: UUID) -> Message:
    lines = [f"Steps: {data.total_steps}"] if data.total_steps else []
    if data.final_loss is not None:
        lines.append(f"Final loss: {data.final_loss:.4f}")
    if data.final_validation_loss is not None:
        lines.append(f"Final validation loss: {data.final_validation_loss:.4f}")
    if data.started_at:
        lines.append(f"Duration: {_duration(data.completed_at - data.started_at)}")
    if data.interruptions:
        times = "once" if data.interruptions == 1 else f"{data.interruptions} times"
        lines.append(f"Interrupted {times}, resumed successfully.")
    return Message(
        "job_completed",
        str(event_id),
        data.workspace_id,
        data.job_id,
        f"Training finished: {data.job_name}",
        (*lines, "The adapter is ready to download."),
        data.created_by,
    )


@message_for.register
def _(data: JobFailed, event_id: UUID) -> Message:
    lines = (f"Reason ({data.error_type.value}): {data.message}", f"What to do: {data.suggested_fix}")
    return Message(
        "job_failed",
        str(event_id),
        data.workspace_id,
        data.job_id,
        f"Training failed: {data.job_name}",
        lines,
        data.created_by,
    )


@message_for.register
def _(data: PodInterrupted, event_id: UUID) -> Message:
    at_step = f" at step {data.last_step}" if data.last_step is not None else ""
    lines = (
        f"The machine of attempt {data.attempt} was interrupted{at_step} ({data.detected_by.value}).",
        "A new machine is being started; training resumes from the newest checkpoint. Nothing to do.",
    )
    return Message(
        "job_interrupted",
        f"interrupted:{data.job_id}:{data.attempt}",
        data.workspace_id,
        data.job_id,
        "Training interrupted, resuming",
        lines,
    )


@message_for.register
def _(data: CostOverrun, event_id: UUID) -> Message:
    lines = (
        f"Cost so far: {format_usd(data.cost_micro_usd)}; estimated: {format_usd(data.estimate_micro_usd)} "
        f"({data.variance_percent:+.0f} %).",
        "Cancel the job if this is more than it is worth.",
    )
    return Message(
        "cost_overrun", str(event_id), data.workspace_id, data.job_id, "A job costs more than estimated", lines
    )


@message_for.register
def _(data: BudgetThreshold, event_id: UUID) -> Message:
    return Message(
        "budget_threshold",
        str(event_id),
        data.workspace_id,
        None,
        f"{data.threshold_percent} % of the {data.month} budget is spent",
        _budget_lines(data),
    )


@message_for.register
def _(data: BudgetExceeded, event_id: UUID) -> Message:
    return Message(
        "budget_exceeded",
        str(event_id),
        data.workspace_id,
        None,
        f"The {data.month} budget is exceeded",
        (*_budget_lines(data), "New jobs are refused."),
    )


def _budget_lines(data: BudgetThreshold | BudgetExceeded) -> tuple[str, ...]:
    return (
        f"Spent: {format_usd(data.spent_micro_usd)} of {format_usd(data.limit_micro_usd)}; "
        f"reserved by running jobs: {format_usd(data.reserved_micro_usd)}.",
        "An owner can raise the limit: PUT /api/training/budget.",
    )


def _duration(span: timedelta) -> str:
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"
