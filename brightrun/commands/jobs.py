"""`brightrun jobs`: list, show, watch, cancel, retry, events, logs."""

import sys
from typing import Annotated

import typer

from brightrun.commands.logs import logs
from brightrun.commands.retries import retry, show_error
from brightrun.models import Job
from brightrun.output import out
from brightrun.session import Json, plainly, session
from brightrun.watching import exit_for, figures, settled, show_end, watch
from brightrun.words import duration, losses, money, verdict

# A machine that is asked to end is gone after a minute at most.
_MACHINE_ENDS_S = 60.0
app = typer.Typer(no_args_is_help=True, help="Training jobs.")
JobId = Annotated[str, typer.Argument(metavar="JOB_ID", help="See `brightrun jobs list`.")]


@app.command("list")
@plainly
def list_jobs(
    status: Annotated[list[str] | None, typer.Option(help="For example training; may be given several times.")] = None,
    tag: str = "",
    client_name: Annotated[list[str] | None, typer.Option("--client", help="For whom; several times.")] = None,
    project: Annotated[list[str] | None, typer.Option(help="Of these projects; several times.")] = None,
    creator: Annotated[list[str] | None, typer.Option(help="Made by: name, address or id; several times.")] = None,
    query: Annotated[str, typer.Option("--query", "-q", help="In name, notes and tags.")] = "",
    sort: Annotated[str, typer.Option(help="created_at, cost, duration, name or status")] = "created_at",
    limit: Annotated[int, typer.Option(min=1, max=100)] = 20,
    after: Annotated[str, typer.Option(help="next_cursor of the page before")] = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="Everything that matches as CSV.")] = False,
    as_json: Json = False,
) -> None:
    """The workspace's jobs, newest first."""
    chosen = {"status": status, "tag": tag, "client": client_name, "project": project, "q": query, "sort": sort,
              "creator": creator}
    with session() as client:
        if as_csv:
            sys.stdout.write(client.jobs_csv(**chosen))
            return
        page = client.jobs(limit, after=after, view="full" if as_json else "compact", **chosen)
    if out.result(page):
        return
    jobs = [Job.model_validate(item) for item in page.data]
    rows = [
        [
            job.id,
            job.name,
            job.status,
            f"{job.progress_percentage:.0f} %",
            job.preset or "",
            money(job.actual_cost_micro_usd),
            f"{job.created_at:%Y-%m-%d %H:%M}" if job.created_at else "",
        ]
        for job in jobs
    ]
    out.table(["id", "name", "status", "done", "preset", "cost", "created"], rows)
    if page.has_more:
        out.say(f"More: brightrun jobs list --after {page.next_cursor}")


@app.command("show")
@plainly
def show(job_id: JobId, as_json: Json = False) -> None:
    """One job: where it stands, what it cost, what may be done with it."""
    with session() as client:
        job = client.job(job_id)
    if out.result(job):
        return
    out.say(f"{job.name} ({job.id})")
    if job.created_by_name:
        out.say(f"Made by   {job.created_by_name}")
    if job.client or job.project:
        out.say(f"For       {', '.join(filter(None, (job.client, job.project)))}")
    out.say(f"Status    {job.status}, {job.progress_percentage:.1f} %  {figures(job)}")
    if job.status_reason:
        out.say(f"          {job.status_reason.message}")
        if job.status_reason.suggested_fix and not job.error:
            out.say(f"          What to do: {job.status_reason.suggested_fix}")
    if job.error:
        show_error(job.error)
    if job.progress.message:
        out.say(f"          {job.progress.message}")
    if job.interruptions.sentence:
        out.say(f"          {job.interruptions.sentence} See: brightrun attempts {job.id}")
    out.say(f"Cost      {money(job.actual_cost_micro_usd)} (estimated {money(job.cost_estimate_micro_usd)})")
    if job.estimated_time_remaining_seconds and not job.has_ended:
        out.say(f"Time left {duration(job.estimated_time_remaining_seconds)}")
    for line in filter(None, (verdict(job.validation), losses(job.validation, job.id))):
        out.say(line)
    out.say(f"Possible  {', '.join(job.allowed_actions) or 'nothing'}")


@app.command("watch")
@plainly
def watch_job(job_id: JobId, as_json: Json = False) -> None:
    """Follow a job until it ends; the exit code tells how it ended."""
    with session() as client:
        job = watch(client, job_id)
    if not out.result(job):
        show_end(job)
    raise typer.Exit(exit_for(job))


@app.command("cancel")
@plainly
def cancel(
    job_id: JobId,
    reason: str = "",
    wait: Annotated[bool, typer.Option(help="Until the machine is gone and the final cost is known.")] = True,
    as_json: Json = False,
) -> None:
    """Stop a job and its machine, and say what it has cost."""
    with session() as client:
        job = client.cancel(job_id, reason)
        if wait:
            job = settled(client, job, within_s=_MACHINE_ENDS_S)
    if out.result(job):
        return
    out.say(f"Job {job.id} is {job.status}.")
    if job.cost_is_final:
        out.say(f"Its machine is gone. Final cost {money(job.actual_cost_micro_usd)}.")
    elif wait:
        out.say(f"Its machine is still being ended; so far {money(job.actual_cost_micro_usd)}. "
                f"The final cost: brightrun jobs show {job.id}")


app.command("retry")(retry)


@app.command("events")
@plainly
def events(
    job_id: JobId,
    kind: Annotated[list[str] | None, typer.Option("--type", help="For example checkpoint.saved")] = None,
    query: Annotated[str, typer.Option("--query", "-q", help="In message, type and payload.")] = "",
    as_json: Json = False,
) -> None:
    """Everything that happened to a job, oldest first."""
    with session() as client:
        found = list(client.all_events(job_id, type=kind, q=query))
    if not out.result(found):
        for event in found:
            out.say(f"{event['seq']:5}  {event['occurred_at'][:19]}  {event['type']:26} {event['message']}")


app.command("logs")(logs)
