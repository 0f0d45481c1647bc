"""`brightrun jobs pause | resume | tier | continue`: a job under way, or one that ended too early."""

from typing import Annotated

import typer

from brightrun.commands.jobs import JobId
from brightrun.models import Job
from brightrun.output import out
from brightrun.session import Json, plainly, session
from brightrun.words import money

app = typer.Typer()
Tier = Annotated[str, typer.Argument(help="spot, on_demand or auto")]


@app.command("pause")
@plainly
def pause(job_id: JobId, reason: str = "", as_json: Json = False) -> None:
    """Save a checkpoint, end the machine, free the money; `resume` goes on from there."""
    with session() as client:
        job = client.pause(job_id, reason)
    _tell(job)


@app.command("resume")
@plainly
def resume(
    job_id: JobId, tier: Annotated[str, typer.Option(help="Another tier from here on.")] = "", as_json: Json = False
) -> None:
    """End a pause: the next machine goes on from the newest checkpoint."""
    with session() as client:
        job = client.resume(job_id, tier or None)
    _tell(job)


@app.command("tier")
@plainly
def change_tier(job_id: JobId, tier: Tier, reason: str = "", as_json: Json = False) -> None:
    """Go on with another kind of capacity, without losing progress."""
    with session() as client:
        job = client.change_tier(job_id, tier, reason)
    if _tell(job):
        out.say(f"Estimated {money(job.cost_estimate_micro_usd)} in all, {money(job.actual_cost_micro_usd)} so far.")


@app.command("continue")
@plainly
def continue_job(
    job_id: JobId,
    tier: str = "",
    gpu: str = "",
    remaining_epochs: Annotated[
        int | None, typer.Option(min=1, help="From the epoch on in which the checkpoint lies.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Conversations at once.")] = None,
    accumulation: Annotated[int | None, typer.Option(min=1, help="Batches of one step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="From here on.")] = None,
    name: str = "",
    start: Annotated[bool, typer.Option(help="Start the new job at once.")] = True,
    as_json: Json = False,
) -> None:
    """A new job from the newest checkpoint of one that failed or was cancelled, with other settings."""
    values = {
        "per_device_train_batch_size": batch_size,
        "gradient_accumulation_steps": accumulation,
        "learning_rate": learning_rate,
    }
    with session() as client:
        job = client.continue_job(
            job_id,
            start,
            name=name,
            gpu_pricing_tier=tier,
            gpu_type=gpu,
            remaining_epochs=remaining_epochs,
            hyperparameters={key: value for key, value in values.items() if value is not None},
        )
    if out.result(job):
        return
    for change in job.adjustments or []:
        out.say(f"Changed {change['field']}: {change['from']} -> {change['to']}")
    out.say(f"Job {job.id} is {job.status}. Watch it: brightrun jobs watch {job.id}")


def _tell(job: Job) -> bool:
    """Whether it was told to a person."""
    if out.result(job):
        return False
    why = f" {job.status_reason.message}" if job.status_reason else ""
    out.say(f"Job {job.id} is {job.status}.{why}")
    return True
