"""Refusals about jobs as problem documents."""

from typing import Any

from chassis.problems import Conflict, Invalid, NotFound, ProblemError, ServiceUnavailable, TooManyRequests
from chassis.web.problems.validation import validation_problem
from contracts.job_status import JobAction, JobStatus
from contracts.money import format_usd, usd
from services.job_api.jobs.errors import (
    BudgetExceeded,
    ContinuationRefused,
    DoesNotFit,
    InvalidValues,
    JobNotFound,
    MoveRefused,
    NotesConflict,
    StartInProgress,
    StartOvertaken,
    TierUnchanged,
    TooManyStreams,
    TrainingFileBlocked,
    UnknownTrainingFile,
)
from services.job_api.jobs.presenter import gib, memory


def job_not_found(error: JobNotFound) -> NotFound:
    return NotFound(f"There is no job {error.job_id} in your workspace.", code="job_not_found",
                    suggested_fix="Check the id; GET /api/training/jobs shows your jobs.")


def unknown_file(error: UnknownTrainingFile) -> Invalid:
    """A body that names a file which is not there is a wrong body, not a wrong address."""
    fix = "Upload the file first, or take an id from GET /api/training/files."
    detail = f"There is no training file {error.file_id} in your workspace."
    return Invalid(detail, code="training_file_not_found", title="Unknown training file", suggested_fix=fix,
                   errors=[{"field": "training_file_id", "message": detail, "suggested_fix": fix}])


def file_blocked(error: TrainingFileBlocked) -> Conflict:
    count = "1 error that blocks" if error.errors == 1 else f"{error.errors} errors that block"
    return Conflict(
        f"The training file {error.name!r} has {count} training.", code="training_file_invalid",
        title="The training file cannot be used",
        suggested_fix="Correct the records that the file's 'issues' name, upload the file again and use the new id.")


def move_refused(refusal: MoveRefused) -> Conflict:
    possible = ", ".join(refusal.allowed) or "nothing"
    return Conflict(
        f"This job is {refusal.status.value}; {_verb(refusal.action)} is not possible. Possible now: {possible}.",
        code="invalid_transition", title="Not possible in this status", suggested_fix=_way_out(refusal),
        job_id=str(refusal.job_id), status_now=refusal.status.value,
        allowed_actions=[item.value for item in refusal.allowed])


def notes_conflict(error: NotesConflict) -> Conflict:
    """With both texts, so that nobody has to type one again."""
    who = error.edited_by_name or error.edited_by or "somebody"
    return Conflict(
        f"The notes were changed by {who} after you had read them; they are at revision {error.revision} now.",
        code="notes_conflict", title="The notes were changed",
        suggested_fix="Put both texts together and send them with the notes_revision that 'notes' names.",
        job_id=str(error.job_id), notes={
            "revision": error.revision, "edited_by": error.edited_by,
            "edited_by_name": error.edited_by_name, "current": error.current, "yours": error.yours})


def start_in_progress(error: StartInProgress) -> Conflict:
    return Conflict(
        "This job is being started by another request.", code="start_in_progress", title="Being started",
        suggested_fix="Read the job in a second; repeat the start if it is still pending then.",
        job_id=str(error.job_id), retryable=True, retry_after_s=2)


def start_overtaken(error: StartOvertaken) -> Conflict:
    return Conflict(
        "This start took so long that it was given up; nothing was started and no money is held for it.",
        code="start_overtaken", title="The start was given up",
        suggested_fix="Start the job again if it is still pending.", job_id=str(error.job_id), retryable=True,
        retry_after_s=1)


def tier_unchanged(error: TierUnchanged) -> Conflict:
    return Conflict(f"This job runs as {error.tier.value} already.", code="tier_unchanged", title="Nothing to change",
                    suggested_fix="Choose another tier: spot, on_demand or auto.", job_id=str(error.job_id))


def continuation_refused(error: ContinuationRefused) -> Conflict:
    return Conflict(
        f"No job can go on from this one like that. {error.why}", code="not_continuable", title="Not continuable",
        suggested_fix="Change only tier, GPU, batch, accumulation, learning rate and remaining epochs; for anything "
        "else retry the job, which begins anew.", job_id=str(error.job_id))


def too_many_streams(error: TooManyStreams) -> ProblemError:
    if error.whose == "server":
        return ServiceUnavailable(
            f"This server already serves {error.limit} event streams.", code="too_many_streams", retry_after_s=10,
            suggested_fix="Close unused streams, or read GET /events with its cursor.")
    who = "You have" if error.whose == "caller" else "Your workspace has"
    return TooManyRequests(
        f"{who} {error.limit} event streams open; there may be no more.", code="stream_limit_reached",
        title="Too many event streams", suggested_fix="Close unused streams, or poll the job instead.",
        retry_after_s=10)


def budget_exceeded(error: BudgetExceeded) -> ProblemError:
    """402 with the figures and the way out."""
    reply = error.reply
    budget, needed = reply.estimate.budget, reply.estimate.cost_micro_usd.high
    detail = reply.refusal or (
        f"This run may cost {format_usd(needed)}, and {format_usd(max(0, budget.available_micro_usd))} of this "
        f"month's {format_usd(budget.limit_micro_usd)} is left.")
    figures: dict[str, Any] = {"month": budget.month, "needed_micro_usd": needed, "needed": float(usd(needed))}
    for name in ("limit", "spent", "reserved", "available"):
        amount = getattr(budget, f"{name}_micro_usd")
        figures |= {f"{name}_micro_usd": amount, name: float(usd(amount))}
    return ProblemError(
        "budget_exceeded", "The budget does not allow this run", 402, detail,
        "Raise the monthly budget (PUT /api/training/budget), wait for running jobs to end, or choose a smaller "
        "preset or a cheaper tier, then start again.", job_id=str(error.job_id), budget=figures)


def does_not_fit(error: DoesNotFit) -> ProblemError:
    """422 with the figures and each single change after which the run fits."""
    needed, available = error.fit.need, error.fit.available
    ways = [{"field": way.field, "value": way.value, "needed_gib": gib(way.needed)} for way in error.fit.alternatives]
    detail = (
        f"This run needs {gib(needed.total):.1f} GiB for its longest conversation ({needed.tokens:,} tokens) at rank "
        f"{error.lora_rank}; {gib(available):.1f} GiB can be used on {error.gpu_type.value}.")
    fix = " or ".join(f"{way['field']} {way['value']} ({way['needed_gib']:.1f} GiB)" for way in ways)
    return ProblemError(
        "does_not_fit", "The run does not fit the machine's memory", 422, detail,
        f"This would fit: {fix}." if ways else "Choose a smaller base model or a card with more memory.",
        memory=memory(error.fit), would_fit=ways)


def invalid_values(error: InvalidValues) -> ProblemError:
    return validation_problem([item | {"loc": ("body", *error.place, *item["loc"])} for item in error.errors])


def _verb(action: JobAction) -> str:
    return {"start": "starting", "cancel": "cancelling", "retry": "retrying", "delete": "deleting",
            "promote": "promoting"}.get(action, action)


def _way_out(refusal: MoveRefused) -> str:
    if refusal.action is JobAction.START and refusal.status is not JobStatus.PENDING:
        return "A job starts once. Use retry to run the same configuration again as a new job."
    if refusal.action is JobAction.PROMOTE:
        return "Only a job that waits for its turn can be promoted; GET /api/training/queue lists those that do."
    if refusal.action is JobAction.DELETE:
        return "Only a job that was never started can be deleted; its history is kept. Cancel it if it still runs."
    if refusal.action is JobAction.RESUME:
        return "Only a paused job is resumed; one that failed or was cancelled is continued as a new job."
    if refusal.action is JobAction.RETRY:
        return "Wait until the job has ended, or cancel it first."
    return "Read the job again; 'allowed_actions' lists what is possible now."
