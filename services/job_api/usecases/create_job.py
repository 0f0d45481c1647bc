"""A job is created from a file, a preset and what the user changed; it costs nothing until it is started."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.database.engine import Database
from contracts.events import JobCreated
from contracts.hyperparameters import Hyperparameters
from contracts.identifiers import uuid7
from contracts.presets import resolve
from contracts.rpc.costs import EstimateRequest
from services.job_api import problems
from services.job_api.domain.configuration import Configuration
from services.job_api.ports import Asks
from services.job_api.repository import files, jobs
from services.job_api.usecases.estimate import estimate_columns, estimate_or_none, estimate_request
from services.job_api.usecases.history import say
from services.job_api.usecases.requests import Caller, Defaults, NewJob


def configure(wanted: NewJob, defaults: Defaults) -> Configuration:
    """Preset, overrides and defaults put together. Raises a problem that names the wrong field."""
    return Configuration(
        preset=wanted.preset, hyperparameters=hyperparameters(wanted), base_model=defaults.base_model,
        gpu_type=wanted.gpu_type or defaults.gpu_type, pricing_tier=wanted.pricing_tier,
        max_duration_s=wanted.max_duration_s)


def hyperparameters(wanted: NewJob) -> Hyperparameters:
    try:
        return resolve(wanted.preset, wanted.overrides)
    except ValidationError as error:
        raise problems.invalid_values(error, "hyperparameters") from error


async def usable_file(database: Database, workspace_id: UUID, file_id: UUID) -> RowMapping:
    """A ready file of the workspace. Raises 422 when there is none and 409 when it has blocking errors."""
    async with database.read() as tx:
        row = await files.for_training(tx, workspace_id, file_id)
    if row is None:
        raise problems.unknown_file(file_id)
    if row["status"] != files.READY:
        raise problems.file_blocked(row["name"], row["error_count"])
    return row


@dataclass(frozen=True)
class Prepared:
    """A job's row before it is written, and the question about its cost."""

    row: dict[str, Any]
    estimate: EstimateRequest


async def prepare(database: Database, asks: Asks, caller: Caller, wanted: NewJob, configuration: Configuration,
                  at: datetime) -> Prepared:
    """The new job, with an estimate where cost_guard answers. Nothing is written yet."""
    file = await usable_file(database, caller.workspace_id, wanted.training_file_id)
    request = estimate_request(caller.workspace_id, configuration, files.reference(file))
    estimate = await estimate_or_none(asks, request)
    name = wanted.name or f"{file['name']} - {configuration.preset} {at:%Y-%m-%d %H:%M}"
    row = _row(caller, replace(wanted, name=name), configuration) | estimate_columns(estimate)
    return Prepared(row, request)


async def insert(tx: AsyncConnection, row: dict[str, Any]) -> dict[str, Any]:
    """Write the job and say that it exists. Returns it as `jobs.view` would read it.

    Raises 422 when the file was deleted in between.
    """
    file = await files.for_training(tx, row["workspace_id"], row["training_file_id"], keep=True)
    if file is None:
        raise problems.unknown_file(row["training_file_id"])
    created = JobCreated(
        job_id=row["id"], workspace_id=row["workspace_id"], name=row["name"], created_by=row["created_by"],
        training_file_id=row["training_file_id"], preset=row["preset"], configuration=row["configuration"])
    written = await jobs.add(tx, row | {"event_seq": 1})
    await say(tx, row["id"], 0, [created])
    return {**written, "training_file_name": file["name"]}


def search_text(name: str, notes: str, tags: tuple[str, ...]) -> str:
    """What `q` looks through."""
    return "\n".join((name, notes, *tags)).lower()


def _row(caller: Caller, wanted: NewJob, configuration: Configuration) -> dict[str, Any]:
    return {
        "id": uuid7(), "workspace_id": caller.workspace_id, "training_file_id": wanted.training_file_id,
        "name": wanted.name, "description": wanted.description, "notes": wanted.notes, "tags": list(wanted.tags),
        "search_text": search_text(wanted.name, wanted.notes, wanted.tags), "preset": configuration.preset,
        "configuration": configuration.as_json(), "base_model": configuration.base_model,
        "gpu_type": configuration.gpu_type.value, "gpu_pricing_tier": configuration.pricing_tier.value,
        "max_duration_s": configuration.max_duration_s, "created_by": caller.subject,
    }
