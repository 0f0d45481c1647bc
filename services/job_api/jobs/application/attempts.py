"""The attempts of a job: its log beside what its machines cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from contracts.job_status import TERMINAL
from contracts.rpc import costs
from services.job_api.jobs.application.commands import JobContext
from services.job_api.jobs.domain.attempt_costs import LOSING, AttemptCost, Totals, reckon
from services.job_api.jobs.domain.attempt_log import TYPES, Attempt, Entry, attempts_of
from services.job_api.jobs.domain.job import Job
from services.job_api.jobs.errors import JobNotFound
from services.job_api.jobs.repository import events, jobs


@dataclass(frozen=True)
class AttemptHistory:
    """`interruptions`: attempts that ended without having been meant to."""

    job: Job
    attempts: Sequence[AttemptCost]
    totals: Totals

    @property
    def interruptions(self) -> int:
        ended = self.attempts[:-1] if self.job.state.status in TERMINAL else self.attempts
        return sum(one.attempt.outcome in LOSING for one in ended)


async def attempt_history(context: JobContext, workspace_id: UUID, job_id: UUID) -> AttemptHistory:
    """Raises JobNotFound, and ServiceUnavailable when nobody knows the money."""
    async with context.database.read() as tx:
        job = await jobs.find(tx, workspace_id, job_id)
        if job is None:
            raise JobNotFound(job_id)
        rows = await events.of_types(tx, job_id, TYPES)
    cost = await context.rpc.request(costs.JOB_COST, costs.JobCostQuery(job_id=job_id, workspace_id=workspace_id))
    found = attempts_of(Entry(row["type"], row["attempt"], row["occurred_at"], row["payload"]) for row in rows)
    goes_on = job.state.status not in TERMINAL
    until = (not goes_on and job.state.completed_at) or cost.as_of
    if goes_on:
        _add_present_step(job, found, until)
    reckoned, totals = reckon(found, cost.machines, until, job.state.course.safe_step if goes_on else None)
    return AttemptHistory(job, reckoned, totals)


def _add_present_step(job: Job, found: Sequence[Attempt], now: datetime) -> None:
    """The newest step of a running attempt stands in no log yet."""
    state = job.state
    if found and found[-1].number == state.attempt > state.interrupted_attempt and state.step and state.course.stepped:
        found[-1].steps.append((now, state.step))
