"""A signed webhook becomes the event it stands for and takes the same way as every other event."""

import json
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import Clock
from chassis.messaging.inbox import claim
from chassis.messaging.outbox import emit
from chassis.problems import BadRequest, Invalid, NotFound
from chassis.web.problems.validation import validation_problem
from contracts.envelope import Event, EventData, new_event
from contracts.registry import UnknownEventType, parse_event
from services.job_api.domain import webhook
from services.job_api.domain.webhook import NotUnderstood, Subject
from services.job_api.tables import training_jobs

CONSUMER = "webhook"
_FIX = "Send an event envelope of a pod, or {\"event\": ..., \"job_id\": ...} with the fields of that event."


async def receive(tx: AsyncConnection, clock: Clock, body: bytes) -> list[str]:
    """Publish what the body says, once. Returns the event ids; empty when it was delivered before.

    Raises 400 and 422 for a body that is not understood, 404 for an unknown job.
    """
    document = _document(body)
    if "specversion" in document:
        said = await _from_envelope(tx, body)
    else:
        said = await _from_short_form(tx, clock, document, body)
    taken = []
    for event in said:
        if await claim(tx, event_id=event.id, consumer=CONSUMER):
            await emit(tx, event)
            taken.append(str(event.id))
    return taken


async def _from_envelope(tx: AsyncConnection, body: bytes) -> list[Event[Any]]:
    try:
        event = parse_event(body)
    except UnknownEventType as error:
        raise Invalid(str(error).capitalize() + ".", code="unknown_event_type", suggested_fix=_FIX) from error
    except ValidationError as error:
        raise _wrong_fields(error) from error
    if event.type not in webhook.spoken_by_trainers():
        raise Invalid(f"{event.type} is not an event of a pod.", code="unknown_event_type", suggested_fix=_FIX)
    about = await _job(tx, event.data.job_id)
    if about.workspace_id != event.data.workspace_id:
        raise _unknown_job(event.data.job_id)
    # The subject is where the event is published: it follows from the payload, never from the sender.
    return [event.model_copy(update={"subject": event.data.subject()})]


async def _from_short_form(tx: AsyncConnection, clock: Clock, document: Any, body: bytes) -> list[Event[Any]]:
    about = await _job(tx, _job_id(document))
    try:
        said: list[EventData] = webhook.short_form(document, about, clock.now())
    except ValidationError as error:
        raise _wrong_fields(error) from error
    except NotUnderstood as error:
        raise Invalid(str(error).capitalize() + ".", code="unknown_event_type", suggested_fix=_FIX) from error
    return [new_event(data, source=webhook.SOURCE, event_id=webhook.delivery_id(body, part), time=clock.now())
            for part, data in enumerate(said)]


def _job_id(document: dict[str, Any]) -> UUID:
    try:
        return UUID(str(document.get("job_id")))
    except ValueError as error:
        raise Invalid("job_id must be a UUID.", suggested_fix=_FIX) from error


async def _job(tx: AsyncConnection, job_id: UUID) -> Subject:
    """The signature says the sender is ours, so the job is found in whatever workspace it is."""
    columns = training_jobs.c
    statement = select(columns.workspace_id, columns.attempt, columns.runpod_job_id).where(columns.id == job_id)
    row = (await tx.execute(statement)).one_or_none()
    if row is None:
        raise _unknown_job(job_id)
    pod_name = row.runpod_job_id or f"job-{job_id}-a{max(1, row.attempt)}"
    return Subject(job_id, row.workspace_id, row.attempt, pod_name)


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest("The body is not valid JSON.", code="invalid_json", suggested_fix=_FIX) from error
    if not isinstance(document, dict):
        raise BadRequest("The body must be a JSON object.", code="invalid_json", suggested_fix=_FIX)
    return document


def _wrong_fields(error: ValidationError) -> Exception:
    return validation_problem([item | {"loc": ("body", *item["loc"])} for item in error.errors()])


def _unknown_job(job_id: UUID) -> NotFound:
    return NotFound(f"There is no job {job_id}.", code="job_not_found",
                    suggested_fix="Send the job_id that the pod was started with.")
