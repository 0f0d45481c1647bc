"""Every event of a job as one line that a person reads, with its level."""

from dataclasses import dataclass
from functools import singledispatch
from typing import Any

from contracts import events
from contracts.envelope import EventData
from contracts.evidence import in_words
from contracts.job_reasons import budget_stop_message
from contracts.money import format_usd
from contracts.plurals import counted


@dataclass(frozen=True)
class Line:
    message: str
    level: str = "info"


@singledispatch
def describe(data: EventData) -> Line:
    """Level is `info`, `warning` or `error`."""
    return Line(f"{data.entity} {data.event}".replace("_", " ").capitalize() + ".")


def short_type(data: EventData) -> str:
    """`training.progressed`: the type as users filter by it."""
    return data.subject_prefix()


def payload(data: EventData) -> dict[str, Any]:
    """What the log keeps of an event. The evaluation's raw material stays with the validator."""
    if isinstance(data, events.EvaluationGenerated):
        return data.model_dump(mode="json", exclude={"conversations"}) | {"conversations": len(data.conversations)}
    return data.model_dump(mode="json")


@describe.register
def _(data: events.JobCreated) -> Line:
    return Line(f"Job {data.name!r} created with the preset {data.preset}.")


@describe.register
def _(data: events.JobQueued) -> Line:
    return Line(f"Start requested by {data.requested_by}: the cost is reserved, other jobs come first.")


@describe.register
def _(data: events.JobPromoted) -> Line:
    return Line(f"Put in front of the queue by {data.promoted_by}.")


@describe.register
def _(data: events.JobStartRequested) -> Line:
    words, rest = ("Start", "") if data.run == 1 else ("Next machine", " for what remains")
    cost = format_usd(data.estimated_cost_micro_usd)
    return Line(f"{words} requested by {data.requested_by}; {cost} expected{rest}.")


@describe.register
def _(data: events.JobPauseRequested) -> Line:
    return Line(f"Paused by {data.requested_by}." + (f" {data.reason}" if data.reason else ""), "warning")


@describe.register
def _(data: events.JobTierChangeRequested) -> Line:
    why = f" {data.reason}" if data.reason else ""
    tiers = f"from {data.from_tier.value} to {data.to_tier.value}"
    return Line(f"{data.requested_by} changed the tier {tiers}; the machine saves a checkpoint and the next one goes "
                f"on from there.{why}")


@describe.register
def _(data: events.JobCancelRequested) -> Line:
    return Line(f"Cancellation requested by {data.requested_by}.", "warning")


@describe.register
def _(data: events.JobCancelled) -> Line:
    return Line(f"Cancelled by {data.cancelled_by}." + (f" {data.reason}" if data.reason else ""), "warning")


@describe.register
def _(data: events.JobStatusChanged) -> Line:
    return Line(f"{data.from_status.value} -> {data.to_status.value}" + (f": {data.reason}" if data.reason else ""))


@describe.register
def _(data: events.JobCompleted) -> Line:
    loss = f" Final loss {data.final_loss:.4f}." if data.final_loss is not None else ""
    return Line(f"Completed.{loss}")


@describe.register
def _(data: events.JobFailed) -> Line:
    return Line(f"Failed ({data.error_type.value}): {data.message}", "error")


@describe.register
def _(data: events.PodRequested) -> Line:
    tier = data.pricing_tier.value
    why = f": {data.reason}" if data.reason else ""
    return Line(f"Machine {data.pod_name} requested from {data.provider} as {tier} (attempt {data.attempt}){why}.")


@describe.register
def _(data: events.PodWaiting) -> Line:
    why = f": {data.reason}" if data.reason else ""
    return Line(f"{data.provider} has no {data.gpu_type.value} machine free{why}. "
                f"Attempt {data.attempt} waits in line, {data.ahead} before it.", "warning")


@describe.register
def _(data: events.PodRunning) -> Line:
    at = f" at {format_usd(data.rate_micro_usd_per_hour)}/h" if data.rate_micro_usd_per_hour is not None else ""
    what = f", {data.gpu_model} as {data.pricing_tier.value}{at}" if data.gpu_model else ""
    return Line(f"Machine {data.pod_name} runs (attempt {data.attempt}){what}.")


@describe.register
def _(data: events.PodInterrupted) -> Line:
    why = f": {data.reason}" if data.reason else ""
    return Line(f"Machine {data.pod_name} was interrupted, seen by {data.detected_by.value}{why}", "warning")


@describe.register
def _(data: events.PodFailed) -> Line:
    return Line(f"No machine for this job ({data.error_type.value}): {data.message}", "error")


@describe.register
def _(data: events.PodTerminated) -> Line:
    return Line(f"Machine {data.pod_name} is gone." + (f" {data.reason}" if data.reason else ""))


@describe.register
def _(data: events.TrainingStarted) -> Line:
    return Line(f"The trainer started (attempt {data.attempt}).")


@describe.register
def _(data: events.TrainingStageChanged) -> Line:
    return Line(f"Stage {data.stage.value}" + (f": {data.message}" if data.message else "."))


@describe.register
def _(data: events.TrainingResumed) -> Line:
    return Line(f"Resumed from step {data.resumed_from_step} (attempt {data.attempt}).")


@describe.register
def _(data: events.TrainingProgressed) -> Line:
    loss = f", loss {data.loss:.4f}" if data.loss is not None else ""
    return Line(f"Step {data.step} of {data.total_steps}{loss}.")


@describe.register
def _(data: events.TrainingWarning) -> Line:
    return Line(data.message, "warning")


@describe.register
def _(data: events.TrainingPaused) -> Line:
    kept = "nothing more was saved" if data.checkpoint_step is None else f"saved at step {data.checkpoint_step}"
    return Line(f"Stopped at step {data.step} (attempt {data.attempt}): {kept}.")


@describe.register
def _(data: events.TrainingCompleted) -> Line:
    return Line(f"Training completed after {counted(data.total_steps, 'step')} in {data.training_seconds:.0f} s.")


@describe.register
def _(data: events.TrainingFailed) -> Line:
    level = "warning" if data.retryable else "error"
    return Line(f"Attempt {data.attempt} failed ({data.error_type.value}): {data.message}", level)


@describe.register
def _(data: events.CheckpointSaved) -> Line:
    return Line(f"Checkpoint of step {data.step} saved ({counted(data.size_bytes, 'byte')}).")


@describe.register
def _(data: events.CheckpointExpired) -> Line:
    return Line("The checkpoints are deleted; no job can go on from them any more.")


@describe.register
def _(data: events.EvaluationGenerated) -> Line:
    return Line(f"Hold-out perplexity {data.base_perplexity:.2f} -> {data.trained_perplexity:.2f}.")


@describe.register
def _(data: events.CostUpdated) -> Line:
    amount = format_usd(data.cost_micro_usd)
    if not data.final:
        return Line(f"Cost so far {amount}.")
    return Line(f"{data.outcome.capitalize()}; final cost {amount}." if data.outcome else f"Final cost {amount}.")


@describe.register
def _(data: events.CostOverrun) -> Line:
    return Line(f"Cost {format_usd(data.cost_micro_usd)} is {data.variance_percent:.0f} % above the estimate "
                f"of {format_usd(data.estimate_micro_usd)}.", "warning")


@describe.register
def _(data: events.CostLimitReached) -> Line:
    return Line(budget_stop_message(data), "error")


@describe.register
def _(data: events.ValidationUpdated) -> Line:
    return Line(f"Perplexity improvement {data.perplexity_improvement_pct:.1f} %{_interval(data)} on "
                f"{data.conversations} held-out conversations: {in_words(data.verdict, data.missing_conversations)}.")


def _interval(data: events.ValidationUpdated) -> str:
    if data.improvement_low_pct is None or data.improvement_high_pct is None:
        return ""
    return f" (95 % interval {data.improvement_low_pct:.1f} to {data.improvement_high_pct:.1f})"
