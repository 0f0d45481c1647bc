"""What a job's view says of its progress and its interruptions."""

from typing import Any

from contracts.job_course import Course
from contracts.job_progress import done_step, redone_steps
from contracts.job_projection import JobState
from contracts.job_status import TERMINAL, JobStatus
from services.job_api.jobs.domain.interruptions import interruption_count
from services.job_api.jobs.repository.job_rows import Row


def progress(row: Row) -> dict[str, Any]:
    state = _state(row)
    redone = None if state.status in TERMINAL else redone_steps(state)
    safe = state.course.safe_step
    return {
        "percentage": row["progress_percentage"], "step": done_step(state), "total_steps": state.total_steps,
        "safe_step": safe, "redoing_from": redone and redone[0], "redoing_to": redone and redone[1],
        "message": _in_words(redone, safe)}


def interruptions(row: Row) -> dict[str, Any]:
    count = interruption_count(row)
    return {"count": count, "sentence": sentence(count, JobStatus(row["status"]), row["course"].get("safe_step"))}


def sentence(count: int, status: JobStatus, safe_step: int | None) -> str:
    """`interrupted 2x, resumed`, with where it goes on while it does."""
    if not count:
        return ""
    times = f"Interrupted {count}x"
    if status in (JobStatus.FAILED, JobStatus.CANCELLED):
        return f"{times}."
    if status is JobStatus.RECOVERING:
        return f"{times}, " + (f"resuming from step {safe_step}." if safe_step else "starting again.")
    return f"{times}, " + ("resumed." if safe_step else "started again.")


def _in_words(redone: tuple[int, int] | None, safe: int | None) -> str:
    if redone is None:
        return ""
    kept = f"step {safe} is safe" if safe else "no checkpoint was saved yet"
    return f"Steps {redone[0] + 1} to {redone[1]} are done again; {kept}."


def _state(row: Row) -> JobState:
    """As far as these questions go. Read with every view of a job: the course is taken as it was stored."""
    return JobState(
        status=JobStatus(row["status"]), attempt=row["attempt"], interrupted_attempt=row["interrupted_attempt"],
        step=row["current_step"], total_steps=row["total_steps"], course=Course.model_construct(**row["course"]))
