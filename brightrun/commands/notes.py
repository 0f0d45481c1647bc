"""`brightrun jobs edit`, `jobs notes` and `jobs delete`: what is known of a job beside its run."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from brightrun.errors import BrightrunError
from brightrun.exit_codes import Exit
from brightrun.output import out
from brightrun.session import Json, plainly, session

app = typer.Typer()
JobId = Annotated[str, typer.Argument(metavar="JOB_ID", help="See `brightrun jobs list`.")]


@app.command("edit")
@plainly
def edit(
    job_id: JobId,
    name: Annotated[str | None, typer.Option(help="What it is called.")] = None,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="All its labels from now on; several times.")] = None,
    client_name: Annotated[str | None, typer.Option("--client", help="For whom the model is trained.")] = None,
    project: Annotated[str | None, typer.Option(help="The client's project.")] = None,
    as_json: Json = False,
) -> None:
    """Change what a job is called and for whom it is; only what is given changes."""
    said = {"name": name, "description": description, "tags": tag, "client": client_name, "project": project}
    changes = {field: value for field, value in said.items() if value is not None}
    if not changes:
        raise BrightrunError("Nothing to change.", "Give --name, --description, --tag, --client or --project.")
    with session() as client:
        job = client.edit_job(job_id, **changes)
    if not out.result(job):
        out.say(f"Changed: {', '.join(changes)}.")


@app.command("delete")
@plainly
def delete(
    job_ids: Annotated[list[str], typer.Argument(metavar="JOB_ID...", help="Up to 100.")], as_json: Json = False
) -> None:
    """Delete jobs that were never started; the exit code is not 0 when one could not be deleted."""
    with session() as client:
        found = client.bulk("delete", job_ids)
    if not out.result(found):
        for outcome in found["data"]:
            out.say(f"{outcome['job_id']}  {'deleted' if outcome['done'] else outcome['problem']['detail']}")
    if found["refused"]:
        raise typer.Exit(Exit.CONFLICT)


@app.command("notes")
@plainly
def notes(
    job_id: JobId,
    file: Annotated[str, typer.Option(help="Replace the notes by this file's text; - reads from stdin.")] = "",
    history: Annotated[bool, typer.Option("--history", help="Every text, the newest first.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=50)] = 20,
    after: Annotated[str, typer.Option(help="next_cursor of the page before")] = "",
    as_json: Json = False,
) -> None:
    """What is noted about a job, in Markdown."""
    text = _text(file) if file else ""
    with session() as client:
        if history:
            _show_history(client.notes_history(job_id, limit, after))
            return
        job = client.job(job_id)
        if file:
            job = client.edit_job(job_id, notes=text, notes_revision=job.notes_revision)
    if not out.result({"job_id": job.id, "revision": job.notes_revision, "notes": job.notes}):
        out.say(f"Revision {job.notes_revision}" if file else job.notes)


def _text(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text()
    except (OSError, UnicodeError) as error:
        raise BrightrunError(f"{file} cannot be read: {error}", "Name a text file in UTF-8.") from error


def _show_history(page: Any) -> None:
    if out.result(page):
        return
    for entry in page.data:
        who = entry.get("edited_by_name") or entry["edited_by"] or "nobody knows whom"
        out.say(f"Revision {entry['revision']}, {entry['edited_at'][:19]}, by {who}")
        out.say(entry["notes"])
        out.say()
    if page.has_more:
        out.say(f"More: --history --after {page.next_cursor}")
