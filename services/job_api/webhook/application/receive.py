"""A signed webhook becomes the event it stands for and takes the same way as every other event."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.messaging.inbox import claim
from chassis.messaging.outbox import emit
from contracts.envelope import Event, EventData, new_event
from contracts.events import TrainingCompleted
from contracts.registry import UnknownEventType, parse_event
from services.job_api.artifacts.domain import has_adapter
from services.job_api.webhook import domain, repository
from services.job_api.webhook.domain import Subject
from services.job_api.webhook.errors import (
    EventTooLarge,
    JobUnknownToPods,
    NoAdapterDelivered,
    NoJobId,
    NotJson,
    NotUnderstood,
    SignatureRefused,
    WebhookDisabled,
    WrongFields,
)

CONSUMER = "webhook"


@dataclass(frozen=True)
class Delivery:
    """A body as it came, with the header that signs it."""

    body: bytes
    signature: str


@dataclass(frozen=True)
class Receipt:
    """`event_ids`: what was published; empty when it was delivered before."""

    workspace_id: UUID
    job_id: UUID
    event_ids: list[str]


@dataclass(frozen=True)
class SigningPolicy:
    """`installation_secret` speaks for every workspace; empty: there is none."""

    installation_secret: str
    tolerance_s: int


async def receive(tx: AsyncConnection, delivery: Delivery, policy: SigningPolicy, now: datetime) -> Receipt:
    """Publish what the body says, once.

    Raises WebhookDisabled, SignatureRefused; then NotJson, NotUnderstood, WrongFields, NoJobId, JobUnknownToPods,
    NoAdapterDelivered, EventTooLarge.
    """
    await _check_signature(tx, delivery, policy, now)
    taken, events = [], await _events(tx, delivery.body, now)
    for event in events:
        _check(event)
        if await claim(tx, event_id=event.id, consumer=CONSUMER):
            await emit(tx, event)
            taken.append(str(event.id))
    return Receipt(events[0].data.workspace_id, events[0].data.job_id, taken)


async def _check_signature(tx: AsyncConnection, delivery: Delivery, policy: SigningPolicy, now: datetime) -> None:
    if not policy.installation_secret and not await repository.any_secret(tx):
        raise WebhookDisabled
    signature = domain.read_signature(delivery.signature)
    if policy.installation_secret and signature.matches(policy.installation_secret, delivery.body):
        signature.check_time(now, policy.tolerance_s)
        return
    if not any(signature.matches(secret, delivery.body) for secret in await _secrets(tx, delivery.body)):
        raise SignatureRefused("the signature does not match the body")
    signature.check_time(now, policy.tolerance_s)


async def _secrets(tx: AsyncConnection, body: bytes) -> Any:
    """Those of the workspace whose job the body is about; none where there is no such job."""
    try:
        subject = await repository.subject_of(tx, _job_id(_document(body)))
    except (NotJson, NoJobId):
        return ()
    return await repository.secrets_of(tx, subject.workspace_id) if subject else ()


async def _events(tx: AsyncConnection, body: bytes, now: datetime) -> list[Event[Any]]:
    document = _document(body)
    if "specversion" in document:
        return [await _from_envelope(tx, body)]
    return await _from_short_form(tx, document, body, now)


async def _from_envelope(tx: AsyncConnection, body: bytes) -> Event[Any]:
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
    return event.model_copy(update={"subject": event.data.subject()})


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


def _check(event: Event[Any]) -> None:
    if isinstance(event.data, TrainingCompleted) and not has_adapter(event.data):
        raise NoAdapterDelivered
    size, limit = len(event.to_bytes()), domain.largest_message(event.data)
    if size > limit:
        raise EventTooLarge(event.data.subject_prefix(), size, limit)


def _job_id(document: dict[str, Any]) -> UUID:
    data = document.get("data")
    named = data.get("job_id") if "specversion" in document and isinstance(data, dict) else document.get("job_id")
    try:
        return UUID(str(named))
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
