"""The last words of a trainer that nobody received: `a<attempt>/result.json` beside its artifacts."""

import json
from typing import Any

import structlog
from pydantic import ValidationError

from chassis.objects.store import ObjectNotFound, ObjectStore
from contracts.envelope import Event
from contracts.events import EvaluationGenerated, TrainingCompleted, TrainingFailed
from contracts.registry import UnknownEventType, parse_event
from services.provisioner.domain.model import Pod
from services.provisioner.domain.storage import ARTIFACTS_BUCKET, result_key

_log = structlog.get_logger(__name__)

# A pod wrote this file: only what a trainer reports at the end is repeated, never what another part does.
_REPEATED = (TrainingCompleted, TrainingFailed, EvaluationGenerated)
_FINAL = (TrainingCompleted, TrainingFailed)
_MAX_EVENTS = 20


async def unreported_result(objects: ObjectStore, pod: Pod) -> list[Event[Any]]:
    """The final events of this attempt as the trainer wrote them, ids included; empty when there are none.

    Raises ObjectStoreUnavailable.
    """
    try:
        raw = await objects.get_bytes(ARTIFACTS_BUCKET, result_key(pod.workspace_id, pod.job_id, pod.attempt))
    except ObjectNotFound:
        return []
    try:
        events = [_checked(item, pod) for item in _list(raw)]
        return events if any(isinstance(event.data, _FINAL) for event in events) else []
    except (ValueError, UnknownEventType, ValidationError) as error:
        _log.warning("result_not_understood", pod=pod.pod_name, error=str(error)[:500])
        return []


def _list(raw: bytes) -> list[Any]:
    content = json.loads(raw)
    if not isinstance(content, list) or len(content) > _MAX_EVENTS:
        raise ValueError("result.json is no list of at most 20 events")
    return content


def _checked(item: Any, pod: Pod) -> Event[Any]:
    event = parse_event(json.dumps(item).encode())
    data = event.data
    if not isinstance(data, _REPEATED):
        raise ValueError(f"a trainer's result has no {event.type}")
    if (data.job_id, data.workspace_id, data.attempt) != (pod.job_id, pod.workspace_id, pod.attempt):
        raise ValueError("the result belongs to another attempt")
    if event.subject != data.subject():
        raise ValueError("the event's subject is not its own")
    return event
