"""What is worth telling, in which words, and when to try again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
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


class Channel(StrEnum):
    SLACK = "slack"
    EMAIL = "email"
    LOG = "log"


@dataclass(frozen=True)
class Message:
    """`dedup_key` names the happening, not the event: one interruption is reported by pod and provisioner alike."""

    kind: str
    dedup_key: str
    workspace_id: UUID
    job_id: UUID | None
    title: str
    lines: tuple[str, ...]
    creator: str = ""

    def text(self) -> str:
        return "\n".join((self.title, "", *self.lines))


@dataclass(frozen=True)
class Retry:
    """When to try again; `at` is None when the delivery is given up."""

    at: datetime | None


def retry_after(failures: int, delays_s: Sequence[float], now: datetime, asked_s: float | None = None) -> Retry:
    """`failures` counts this one. A receiver that asks for a pause (`Retry-After`) gets at least that."""
    if failures > len(delays_s):
        return Retry(None)
    return Retry(now + timedelta(seconds=max(delays_s[failures - 1], asked_s or 0.0)))


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
