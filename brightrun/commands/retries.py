"""`brightrun retry`: what would be changed, then the new job, if the user says yes."""

import sys
from typing import Annotated, Any

import typer

from brightrun.choices import Overrides, Tier, overrides
from brightrun.client import Client
from brightrun.exit_codes import Exit
from brightrun.models import Job
from brightrun.output import out
from brightrun.session import Json, plainly, session
from brightrun.words import duration, money


@plainly
def retry(
    job_id: Annotated[str, typer.Argument(metavar="JOB_ID", help="A job that has ended.")],
    tier: Tier = None,
    values: Overrides = None,
    suggestions: Annotated[bool, typer.Option(help="Change what is suggested against the error.")] = True,
    start: Annotated[bool, typer.Option(help="--no-start: make the job and leave it to be started later.")] = True,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Start without asking.")] = False,
    as_json: Json = False,
) -> None:
    """The same file and values, corrected for what went wrong. Shows the differences and asks before it starts."""
    choice: dict[str, Any] = {"hyperparameters": overrides(values), "gpu_pricing_tier": tier}
    if not suggestions:
        choice["apply_adjustments"] = False
    with session() as client:
        if not start:
            _made(client.retry(job_id, start=False))
            return
        if not yes and not _agreed(client, job_id, choice):
            return
        _made(client.confirm_retry(job_id, **choice))


def _agreed(client: Client, job_id: str, choice: dict[str, Any]) -> bool:
    """Only a person can agree: without a terminal nothing is started."""
    proposal = client.propose_retry(job_id, **choice)
    if out.result(proposal):
        return False
    show_proposal(proposal)
    if not _is_terminal():
        out.say("Nothing was started. Add --yes to start it.")
        return False
    if typer.confirm("Start?", default=False):
        return True
    out.say("Nothing was started.")
    raise typer.Exit(Exit.OK)


def _is_terminal() -> bool:
    return sys.stdin.isatty()


def _made(job: Job) -> None:
    if out.result(job):
        return
    _show_changes(job.adjustments or [])
    out.say(f"Job {job.id} is {job.status}. Watch it: brightrun jobs watch {job.id}")


def show_proposal(proposal: dict[str, Any]) -> None:
    if proposal["error"]:
        show_error(proposal["error"])
    out.say(f"New job   {proposal['name']}")
    _show_changes(proposal["differences"])
    before = proposal["suggestion_success"]
    if proposal["follows_suggestion"] and before["ended"]:
        out.say(f"So far {before['completed']} of {before['ended']} retries with this change completed.")
    if (cost := proposal["cost_estimate_micro_usd"]) is not None:
        out.say(f"Cost      {money(cost)} in {duration(proposal['estimated_duration_seconds'])} expected")


def show_error(error: dict[str, Any]) -> None:
    out.say(f"Error     {error['title']} ({error['code']}, {error['class']})")
    for text in filter(None, (error["problem"], error["likely_cause"], f"What to do: {error['what_to_do']}")):
        out.item(" " * 10, text)


def _show_changes(changes: list[dict[str, Any]]) -> None:
    for change in changes:
        out.say(f"Changed {change['field']}: {change['from']} -> {change['to']}")
    if not changes:
        out.say("Nothing is changed.")
