"""`brightrun queue` and `brightrun promote`: jobs that wait for their turn."""

from typing import Annotated

import typer

from brightrun.commands.jobs import JobId
from brightrun.output import out
from brightrun.session import Json, plainly, session
from brightrun.words import moment, money, place


@plainly
def queue(
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    after: Annotated[int, typer.Option(min=0, help="next_cursor of the page before")] = 0,
    as_json: Json = False,
) -> None:
    """The workspace's jobs that wait for their turn, in order."""
    with session() as client:
        page = client.queue(limit, after)
    if out.result(page):
        return
    rows = [
        [
            str(job.position),
            job.job_id,
            job.name,
            job.requested_by_name or job.requested_by or "",
            money(job.cost_estimate_micro_usd),
            moment(job),
        ]
        for job in page.data
    ]
    out.table(["place", "id", "name", "started by", "estimate", "expected start"], rows)
    limits = (page.limits.per_user or "any number", page.limits.per_workspace or "any number")
    out.say(f"{page.active_jobs} active. At a time: {limits[0]} of each user, {limits[1]} of the workspace.")
    if page.has_more:
        out.say(f"More: brightrun queue --after {page.next_cursor}")


@plainly
def promote(job_id: JobId, as_json: Json = False) -> None:
    """Put a waiting job in front of all others (owners and admins)."""
    with session() as client:
        job = client.promote(job_id)
    if not out.result(job):
        out.say(f"Job {job.id} is {place(job.queue) if job.queue else job.status}.")
