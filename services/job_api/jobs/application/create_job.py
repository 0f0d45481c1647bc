"""A job is created from a file, a preset and what the user changed; it costs nothing until it is started."""

from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events import JobCreated
from contracts.hyperparameters import Hyperparameters
from contracts.identifiers import uuid7
from contracts.presets import resolve
from contracts.rpc.costs import EstimateRequest, ReserveRequest
from services.job_api.accounts import repository as accounts
from services.job_api.callers import Caller
from services.job_api.files.repository import references
from services.job_api.jobs.application.commands import Defaults, Finish, JobContext, NewJob, ResultT
from services.job_api.jobs.application.estimates import estimate_columns, estimate_or_none, estimate_request
from services.job_api.jobs.application.history import JobLog
from services.job_api.jobs.application.memory import require_fit
from services.job_api.jobs.application.notes import keep_first
from services.job_api.jobs.application.queue import lock_queue
from services.job_api.jobs.application.reservations import open_intent, reserved
from services.job_api.jobs.application.start_job import enqueue
from services.job_api.jobs.application.usable_files import usable_file
from services.job_api.jobs.domain.configuration import Configuration
from services.job_api.jobs.domain.search import search_text
from services.job_api.jobs.errors import InvalidValues, UnknownTrainingFile
from services.job_api.jobs.repository import jobs
from services.job_api.jobs.repository.job_rows import Row, job_of


@dataclass(frozen=True)
class PreparedJob:
    """A job's row before it is written, and the question about its cost."""

    row: dict[str, Any]
    estimate: EstimateRequest = field(repr=False)

    def reserve_request(self, reservation_id: UUID) -> ReserveRequest:
        return ReserveRequest(
            job_id=self.row["id"], job_name=self.row["name"], requested_by=self.row["created_by"],
            estimate=self.estimate, reservation_id=reservation_id)


async def create_job(
    context: JobContext, caller: Caller, wanted: NewJob, finish: Finish[ResultT], *, start: bool = False
) -> ResultT:
    """With `start` the job is created and queued, or - when the budget refuses - neither.

    Raises InvalidValues, UnknownTrainingFile, TrainingFileBlocked, DoesNotFit, and what a start raises.
    """
    prepared = await prepare_job(context, caller, wanted, configure(wanted, context.defaults))
    return await write_job(context, prepared, finish, start=start)


def configure(wanted: NewJob, defaults: Defaults) -> Configuration:
    """Preset, overrides and defaults put together. Raises InvalidValues."""
    return Configuration(
        preset=wanted.preset, hyperparameters=_hyperparameters(wanted), base_model=defaults.base_model,
        gpu_type=wanted.gpu_type or defaults.gpu_type, pricing_tier=wanted.pricing_tier,
        max_duration_s=wanted.max_duration_s)


async def prepare_job(
    context: JobContext, caller: Caller, wanted: NewJob, configuration: Configuration, *, done_epochs: float = 0.0
) -> PreparedJob:
    """The new job, with an estimate where cost_guard answers. Nothing is written yet. Raises DoesNotFit."""
    async with context.database.read() as tx:
        file = await usable_file(tx, caller.workspace_id, wanted.training_file_id)
    require_fit(context.machines, configuration, references.reference(file))
    request = estimate_request(
        caller.workspace_id, configuration, references.reference(file), done_epochs=done_epochs)
    estimate = await estimate_or_none(context.estimates, request)
    name = wanted.name or f"{file['name']} - {configuration.preset} {context.clock.now():%Y-%m-%d %H:%M}"
    return PreparedJob(_row(caller, replace(wanted, name=name), configuration) | estimate_columns(estimate), request)


async def write_job(context: JobContext, prepared: PreparedJob, finish: Finish[ResultT], *, start: bool) -> ResultT:
    if start:
        return await _write_queued(context, prepared, finish)
    async with context.database.transaction() as tx:
        return await finish(tx, await _insert(tx, prepared.row))


async def _write_queued(context: JobContext, prepared: PreparedJob, finish: Finish[ResultT]) -> ResultT:
    """Its money is reserved before the job exists: where the budget refuses, nothing is created."""
    async with context.database.transaction() as tx:
        name = await open_intent(tx, prepared.row["workspace_id"], prepared.row["id"])
    request = prepared.reserve_request(name)
    async with reserved(context, request) as reply, context.database.transaction() as tx:
        queue = await lock_queue(tx, prepared.row["workspace_id"], context.queue_limits)
        job = job_of(await _insert(tx, prepared.row))
        return await finish(tx, await enqueue(queue, job, request, reply))


async def _insert(tx: AsyncConnection, row: dict[str, Any]) -> Row:
    """Write the job and publish that it exists. Returns its row as the API shows it.

    Raises UnknownTrainingFile when the file was deleted in between.
    """
    file = await references.for_training(tx, row["workspace_id"], row["training_file_id"], keep=True)
    if file is None:
        raise UnknownTrainingFile(row["training_file_id"])
    created = JobCreated(
        job_id=row["id"], workspace_id=row["workspace_id"], name=row["name"], created_by=row["created_by"],
        training_file_id=row["training_file_id"], preset=row["preset"], configuration=row["configuration"])
    written = await jobs.add(tx, row | {"event_seq": 1, "notes_revision": 1 if row["notes"] else 0})
    await JobLog(tx, row["id"], 0).publish([created])
    await keep_first(tx, written)
    names = await accounts.names_of(tx, row["workspace_id"], {row["created_by"]})
    return {**written, "training_file_name": file["name"], "continued_by": [],
            "created_by_name": names.get(row["created_by"])}


def _hyperparameters(wanted: NewJob) -> Hyperparameters:
    try:
        return resolve(wanted.preset, wanted.overrides)
    except ValidationError as error:
        raise InvalidValues(error.errors(), "hyperparameters") from error


def _row(caller: Caller, wanted: NewJob, configuration: Configuration) -> dict[str, Any]:
    return {
        "id": uuid7(), "workspace_id": caller.workspace_id, "training_file_id": wanted.training_file_id,
        "name": wanted.name, "description": wanted.description, "notes": wanted.notes, "tags": list(wanted.tags),
        "client": wanted.client, "project": wanted.project,
        "search_text": search_text(wanted.name, wanted.notes, wanted.tags), "preset": configuration.preset,
        "configuration": configuration.as_json(), "base_model": configuration.base_model,
        "gpu_type": configuration.gpu_type.value, "gpu_pricing_tier": configuration.pricing_tier.value,
        "max_duration_s": configuration.max_duration_s, "template_id": wanted.template_id,
        "created_by": caller.subject,
    }
