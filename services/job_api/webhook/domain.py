"""The HTTPS fallback of a pod that cannot reach the broker: signature, and the product's short forms as events.

Two bodies are understood: an event's envelope as it would travel over the broker, and `{"event": ..., "job_id": ...}`.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from contracts import events
from contracts.envelope import EventData
from contracts.registry import EVENTS, spec_of
from contracts.streams import STREAMS
from services.job_api.webhook.errors import NotUnderstood, SignatureRefused

SOURCE = "/webhook"
_SIGNATURE = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})")
_HEADERS = 4_096
_NAMESPACE = UUID("6f0f5b1e-3c1c-5d43-9f3e-5a1b1c9b8d11")


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """The value of `X-Brightrun-Signature`: HMAC-SHA256 over `<timestamp>.<body>`."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


@dataclass(frozen=True)
class Signature:
    timestamp: int
    digest: str

    def matches(self, secret: str, body: bytes) -> bool:
        expected = sign(secret, self.timestamp, body)
        return hmac.compare_digest(expected, f"t={self.timestamp},v1={self.digest}")

    def check_time(self, now: datetime, tolerance_s: int) -> None:
        """Raises SignatureRefused."""
        if abs(now.timestamp() - self.timestamp) > tolerance_s:
            raise SignatureRefused(f"the signature is more than {tolerance_s} seconds off")


def read_signature(header: str) -> Signature:
    """Raises SignatureRefused."""
    match = _SIGNATURE.fullmatch(header.strip())
    if match is None:
        raise SignatureRefused("the header X-Brightrun-Signature must be t=<unix seconds>,v1=<64 hex digits>")
    return Signature(int(match[1]), match[2])


def spoken_by_trainers() -> frozenset[str]:
    """The event types a pod may publish; everything else is refused."""
    return frozenset(spec.type for spec in EVENTS if "trainer" in spec.producers)


def largest_message(data: EventData) -> int:
    """Bytes that an event of this kind may have as a message of its stream, with room for its headers."""
    stream = spec_of(type(data)).stream
    return next(spec.max_msg_size for spec in STREAMS if spec.name == stream) - _HEADERS


def delivery_id(body: bytes, part: int = 0) -> UUID:
    """The same body is the same event, however often it is delivered."""
    return uuid5(_NAMESPACE, f"{hashlib.sha256(body).hexdigest()}:{part}")


@dataclass(frozen=True)
class Subject:
    """The job a short form is about, as it stands."""

    job_id: UUID
    workspace_id: UUID
    attempt: int
    pod_name: str


def short_form(body: Mapping[str, Any], about: Subject, now: datetime) -> list[EventData]:
    """The events a short form stands for. Raises NotUnderstood, or pydantic.ValidationError for its fields."""
    translate = _SHORT_FORMS.get(str(body.get("event")))
    if translate is None:
        raise NotUnderstood(f"event must be one of {', '.join(sorted(_SHORT_FORMS))}")
    common = {"job_id": about.job_id, "workspace_id": about.workspace_id,
              "attempt": body.get("attempt") or max(1, about.attempt), "sequence": body.get("sequence", 0)}
    return translate({**body, **common, "pod_name": body.get("pod_name") or about.pod_name}, now)


Values = dict[str, Any]


def _started(body: Values, now: datetime) -> list[EventData]:
    return [events.TrainingStarted.model_validate({"started_at": now, **body})]


def _stage_changed(body: Values, now: datetime) -> list[EventData]:
    return [events.TrainingStageChanged.model_validate({"stage": body.get("status"), **body})]


def _metrics_update(body: Values, now: datetime) -> list[EventData]:
    step = body.get("step", body.get("global_step"))
    renamed = {"loss": body.get("training_loss"), "eta_s": body.get("estimated_time_remaining_seconds")}
    progress = {name: value for name, value in renamed.items() if value is not None}
    snapshot = {"total_steps": step, **body, **progress, "step": step}
    known = {name: snapshot[name] for name in events.METRIC_NAMES if snapshot.get(name) is not None}
    found: list[EventData] = [events.TrainingProgressed.model_validate(snapshot)]
    if known:
        found.append(events.MetricsReported.model_validate({
            **body, "steps": (step,), "times": (now.timestamp(),),
            "values": {name: (value,) for name, value in known.items()}}))
    return found


def _warning(body: Values, now: datetime) -> list[EventData]:
    return [events.TrainingWarning.model_validate({"code": "warning", **body})]


def _error(body: Values, now: datetime) -> list[EventData]:
    defaults = {"message": body.get("error_message"), "error_type": "unknown", "suggested_fix": "",
                "retryable": False, "failed_at": now}
    return [events.TrainingFailed.model_validate({**defaults, **body})]


def _interrupted(body: Values, now: datetime) -> list[EventData]:
    defaults = {"detected_by": "sigterm", "interrupted_at": now, "last_step": body.get("last_checkpoint_step")}
    return [events.PodInterrupted.model_validate({**defaults, **body})]


def _resumed(body: Values, now: datetime) -> list[EventData]:
    attempt = body["attempt"]
    previous = max(1, attempt - 1) if isinstance(attempt, int) else 1
    return [events.TrainingResumed.model_validate({"checkpoint_attempt": previous, **body})]


def _checkpoint_saved(body: Values, now: datetime) -> list[EventData]:
    return [events.CheckpointSaved.model_validate({"saved_at": now, **body})]


def _completed(body: Values, now: datetime) -> list[EventData]:
    given = body.get("final_metrics")
    final = given if isinstance(given, dict) else {}
    defaults = {"completed_at": now, "final_loss": final.get("training_loss"),
                "final_validation_loss": final.get("validation_loss"), "total_steps": final.get("step")}
    return [events.TrainingCompleted.model_validate({**defaults, **body})]


_SHORT_FORMS: dict[str, Callable[[Values, datetime], list[EventData]]] = {
    "started": _started, "stage_change": _stage_changed, "status_change": _stage_changed,
    "metrics_update": _metrics_update, "warning": _warning, "error": _error, "interrupted": _interrupted,
    "resumed": _resumed, "checkpoint_saved": _checkpoint_saved, "completed": _completed, "completion": _completed,
}
