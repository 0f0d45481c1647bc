"""Everything about one job that somebody needs who was not there when it failed."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from chassis.database.engine import Database
from chassis.problems import ServiceUnavailable
from contracts.rpc import logs, pods
from contracts.rpc.pods import PodView
from services.job_api.diagnosis.domain import trace_of, trainer_versions
from services.job_api.jobs.application.trainer_output import read_lines
from services.job_api.jobs.domain.trainer_output import TrainerOutput
from services.job_api.jobs.errors import JobNotFound
from services.job_api.jobs.repository import events, jobs
from services.job_api.jobs.repository.events import EventFilter
from services.job_api.ports import RpcClient

LINES = 100
# The log keeps milestones: a job that has more of them than this is told by its newest.
MOST_EVENTS = 10_000
_PAGE = 1_000
AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True)
class Evidence:
    """`unavailable`: what could not be asked just now, and why."""

    job: Mapping[str, Any]
    events: Sequence[Mapping[str, Any]]
    attempts: Sequence[PodView]
    output: TrainerOutput | None
    unavailable: dict[str, str]

    @property
    def trace_id(self) -> str | None:
        return trace_of(self.events)

    @property
    def versions(self) -> dict[str, str]:
        return trainer_versions(self.events)


async def collect(database: Database, rpc: RpcClient, workspace_id: UUID, job_id: UUID) -> Evidence:
    """What does not answer is left out and named. Raises JobNotFound."""
    row = await jobs.shown(database, workspace_id, job_id)
    if row is None:
        raise JobNotFound(job_id)
    about = {"job_id": job_id, "workspace_id": workspace_id}
    tail = logs.LogLinesQuery(**about, tail=LINES, limit=LINES)
    machines, output = await asyncio.gather(
        _asked(rpc.request(pods.JOB_PODS, pods.JobPodsQuery(**about))),
        _asked(read_lines(rpc, tail, row["attempt"])))
    asked = {"attempts": machines, "log": output}
    unavailable = {name: answer for name, answer in asked.items() if isinstance(answer, str)}
    return Evidence(
        row, await _newest_events(database, job_id), () if isinstance(machines, str) else machines.pods,
        None if isinstance(output, str) else output, unavailable)


async def _asked(question: Awaitable[AnswerT]) -> AnswerT | str:
    try:
        return await question
    except ServiceUnavailable as error:
        return error.detail


async def _newest_events(database: Database, job_id: UUID) -> list[dict[str, Any]]:
    """In their order."""
    found: list[dict[str, Any]] = []
    before = None
    while len(found) < MOST_EVENTS:
        async with database.read() as tx:
            page = await events.page(tx, job_id, EventFilter(), limit=_PAGE, after=before, descending=True)
        found += [dict(row) for row in page]
        if len(page) < _PAGE:
            break
        before = page[-1]["seq"]
    return found[::-1]
