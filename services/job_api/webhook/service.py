"""A signed webhook becomes the event it stands for and takes the same way as every other event."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.messaging.inbox import claim
from chassis.messaging.outbox import emit
from contracts.envelope import Event, EventData, new_event
from contracts.registry import UnknownEventType, parse_event
from services.job_api.webhook import domain, repository
from services.job_api.webhook.domain import Subject
from services.job_api.webhook.errors import JobUnknownToPods, NoJobId, NotJson, NotUnderstood, WrongFields

CONSUMER = "webhook"


async def receive(tx: AsyncConnection, body: bytes, now: datetime) -> list[str]:
    """Publish what the body says, once. Returns the event ids; empty when it was delivered before.

    Raises NotJson, NotUnderstood, WrongFields, NoJobId, JobUnknownToPods.
    """
    document = _document(body)
    if "specversion" in document:
        found = await _from_envelope(tx, body)
    else:
        found = await _from_short_form(tx, document, body, now)
    taken = []
    for event in found:
        if await claim(tx, event_id=event.id, consumer=CONSUMER):
            await emit(tx, event)
            taken.append(str(event.id))
    return taken


async def _from_envelope(tx: AsyncConnection, body: bytes) -> list[Event[Any]]:
    try:
        event = parse_event(body)
    except UnknownEventType as error:
        raise NotUnderstood(str(error)) from error
    except ValidationError as error:
        raise WrongFields(error.errors()) from error
    if event.type not in domain.spoken_by_trainers():
        raise NotUnderstood(f"{event.type} is not an event of a pod")
    subject = await _subject(tx, event.data.job_id)
    if subject.workspace_id != event.data.workspace_id:
        raise JobUnknownToPods(event.data.job_id)
    # The subject is where the event is published: it follows from the payload, never from the sender.
    return [event.model_copy(update={"subject": event.data.subject()})]


async def _from_short_form(
    tx: AsyncConnection, document: dict[str, Any], body: bytes, now: datetime
) -> list[Event[Any]]:
    subject = await _subject(tx, _job_id(document))
    try:
        found: list[EventData] = domain.short_form(document, subject, now)
    except ValidationError as error:
        raise WrongFields(error.errors()) from error
    return [new_event(data, source=domain.SOURCE, event_id=domain.delivery_id(body, part), time=now)
            for part, data in enumerate(found)]


def _job_id(document: dict[str, Any]) -> UUID:
    try:
        return UUID(str(document.get("job_id")))
    except ValueError as error:
        raise NoJobId from error


async def _subject(tx: AsyncConnection, job_id: UUID) -> Subject:
    subject = await repository.subject_of(tx, job_id)
    if subject is None:
        raise JobUnknownToPods(job_id)
    return subject


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotJson("The body is not valid JSON.") from error
    if not isinstance(document, dict):
        raise NotJson("The body must be a JSON object.")
    return document
