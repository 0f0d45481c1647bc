"""`brightrun train`: from a file to a running job in one command."""

import sys
from typing import Annotated, Any

import typer

from brightrun.choices import Gpu, Overrides, Preset, TemplateOption, Tier, overrides
from brightrun.client import Client
from brightrun.commands.estimates import show_estimate
from brightrun.commands.files import _readable
from brightrun.commands.templates import template_id
from brightrun.commands.validation import TrainingFilePath
from brightrun.exit_codes import Exit
from brightrun.models import Job, TrainingFile
from brightrun.output import out
from brightrun.reports import show_report
from brightrun.session import Json, plainly, session
from brightrun.watching import exit_for, show_end, watch


@plainly
def train(
    path: TrainingFilePath,
    preset: Preset = None,
    template: TemplateOption = "",
    watch_it: Annotated[bool, typer.Option("--watch", help="Follow the job until it ends.")] = False,
    name: Annotated[str, typer.Option(help="The job's name; the file's name when absent.")] = "",
    tag: Annotated[list[str] | None, typer.Option(help="A label; may be given several times.")] = None,
    client_name: Annotated[str, typer.Option("--client", help="For whom the model is trained.")] = "",
    project: Annotated[str, typer.Option(help="The client's project.")] = "",
    gpu: Gpu = None,
    tier: Tier = None,
    values: Overrides = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Start without asking.")] = False,
    as_json: Json = False,
) -> None:
    """Upload a training file, show what a run costs, and start it."""
    _readable(path)
    changes = overrides(values)
    with session() as client:
        choice = {"template_id": template_id(client, template), "preset": preset, "gpu_type": gpu,
                  "gpu_pricing_tier": tier}
        file = _upload(client, path)
        if not as_json:
            show_estimate(client.estimate(file.id, **choice, **changes))
        if not (yes or as_json) and sys.stdin.isatty() and not typer.confirm("Start?", default=True):
            out.say(f"Not started. The file is kept: {file.id}")
            raise typer.Exit(Exit.OK)
        job = client.create_job(
            file.id, **choice, hyperparameters=changes, name=name or path.stem, tags=tag, client=client_name,
            project=project, start=True
        )
        _finish(client, job, watch_it)


def _upload(client: Client, path: Any) -> TrainingFile:
    file = client.upload(path)
    if not out.as_json or file.status == "invalid":
        show_report(file.report or {})
    if file.status == "invalid":
        out.result(file)
        raise typer.Exit(Exit.INVALID_FILE)
    return file


def _finish(client: Client, job: Job, watch_it: bool) -> None:
    if not watch_it:
        if not out.result(job):
            out.say(f"Job {job.id} is {job.status}. Watch it: brightrun jobs watch {job.id}")
        return
    out.note(f"Job {job.id}")
    job = watch(client, job.id)
    if not out.result(job):
        show_end(job)
        if job.status == "completed":
            out.say(f"Download the adapter: brightrun download {job.id}")
    raise typer.Exit(exit_for(job))
