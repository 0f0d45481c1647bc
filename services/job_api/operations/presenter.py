"""Dead letters and the state of the system as the API shows them."""

from dataclasses import asdict
from typing import Any

import orjson

from chassis.messaging.dead_letters import DeadLetter
from services.job_api.operations.application.status import Status


def dead_letter(message: DeadLetter) -> dict[str, Any]:
    """The message as JSON where it is JSON, else as text with replacement characters."""
    try:
        event = orjson.loads(message.data)
    except orjson.JSONDecodeError:
        event = None
    readable = isinstance(event, dict)
    return {
        "object": "dead_letter", "sequence": message.sequence, "subject": message.subject,
        "consumer": message.consumer, "error_type": message.error_type, "error": message.error,
        "deliveries": message.deliveries, "message_id": message.message_id,
        "dead_lettered_at": message.dead_lettered_at, "event": event if readable else None,
        "raw": None if readable else message.data.decode(errors="replace"),
        "truncated_from": message.truncated_from,
        "allowed_actions": [] if message.truncated_from is not None else ["replay"],
    }


def replayed(done: list[int], failed: list[int]) -> dict[str, Any]:
    return {"object": "replay", "replayed": done, "failed": failed}


def status(found: Status) -> dict[str, Any]:
    return {"object": "system_status", "status": found.status, "parts": [asdict(part) for part in found.parts]}
