"""Following a job in the terminal: one live line for people, a line per change elsewhere."""

import time

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from brightrun.client import Client
from brightrun.event_stream import follow
from brightrun.exit_codes import Exit
from brightrun.models import Job
from brightrun.output import out
from brightrun.words import duration, money, number, place, verdict

_LINE_EVERY_S = 5.0
_ENDS = {"completed": Exit.OK, "failed": Exit.JOB_FAILED, "cancelled": Exit.JOB_CANCELLED}
# Cost and verdict are other services' words; they follow the end within seconds.
_AFTERMATH_S = 15.0


def watch(client: Client, job_id: str) -> Job:
    """Show the job until it has ended, and return it. Ctrl-C stops watching, not the job."""
    try:
        job = (
            _watch_live(client, job_id) if out.console.is_terminal and not out.as_json else _watch_lines(client, job_id)
        )
    except KeyboardInterrupt:
        out.note(f"\nStopped watching; the job goes on. Watch again: brightrun jobs watch {job_id}")
        raise typer.Exit(Exit.INTERRUPTED) from None
    return settled(client, job)


def settled(client: Client, job: Job, within_s: float = _AFTERMATH_S) -> Job:
    """The job once its final cost (and, when completed, its verdict) is known; after `within_s` as far as it is."""
    deadline = time.monotonic() + within_s
    while not (job.cost_is_final and (job.validation or job.status != "completed")):
        if time.monotonic() > deadline:
            break
        time.sleep(0.3)
        job = client.job(job.id)
    return job


def exit_for(job: Job) -> Exit:
    return _ENDS.get(job.status, Exit.FAILED)


def show_end(job: Job) -> None:
    reason = job.status_reason
    if job.status == "completed":
        out.say(
            f"Completed in {job.current_step} steps, loss {number(job.latest_loss)}, "
            f"validation loss {number(job.latest_validation_loss)}."
        )
        if line := verdict(job.validation):
            out.say(line)
    else:
        out.say(f"The job is {job.status}" + (f": {reason.message}" if reason else "."))
        if reason and reason.suggested_fix:
            out.say(f"What to do: {reason.suggested_fix}")
    if job.checkpoint_recovery_count:
        times = "once" if job.checkpoint_recovery_count == 1 else f"{job.checkpoint_recovery_count} times"
        out.say(f"Interrupted {times}, resumed from its checkpoint.")
    out.say(f"Cost {money(job.actual_cost_micro_usd)} (estimated {money(job.cost_estimate_micro_usd)}).")


def _watch_live(client: Client, job_id: str) -> Job:
    columns = (
        TextColumn("{task.description:14}"),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[figures]}"),
    )
    job = None
    with Progress(*columns, console=out.console) as progress:
        bar = progress.add_task("starting", total=100, figures="")
        for name, data in follow(client, job_id):
            if name == "job":
                job = Job.model_validate(data)
                progress.update(bar, completed=job.progress_percentage, description=job.status, figures=figures(job))
            elif data.get("level") in ("warning", "error"):
                progress.console.print(f"{data['level']}: {data['message']}", markup=False)
    return job or client.job(job_id)


def _watch_lines(client: Client, job_id: str) -> Job:
    job, shown, shown_at = None, "", 0.0
    for name, data in follow(client, job_id):
        if name != "job":
            if data.get("level") in ("warning", "error"):
                out.note(f"{data['level']}: {data['message']}")
            continue
        job = Job.model_validate(data)
        stands = job.status + (place(job.queue) if job.queue else "")
        if stands != shown or time.monotonic() - shown_at > _LINE_EVERY_S:
            shown, shown_at = stands, time.monotonic()
            out.note(f"{job.status:14} {job.progress_percentage:5.1f} %  {figures(job)}")
    return job or client.job(job_id)


def figures(job: Job) -> str:
    """Step, loss, time left and cost, as far as they are known."""
    parts = []
    if job.queue:
        parts.append(place(job.queue))
    if job.total_steps:
        parts.append(f"step {job.current_step or 0}/{job.total_steps}")
    if job.latest_loss is not None:
        parts.append(f"loss {number(job.latest_loss)}")
    if job.latest_validation_loss is not None:
        parts.append(f"validation {number(job.latest_validation_loss)}")
    if job.estimated_time_remaining_seconds and not job.has_ended:
        parts.append(f"{duration(job.estimated_time_remaining_seconds)} left")
    if job.actual_cost_micro_usd is not None:
        parts.append(f"cost {money(job.actual_cost_micro_usd)}")
    return "  ".join(parts)
