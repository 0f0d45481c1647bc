"""One table: every event, its stream, who publishes it and who subscribes to it."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from contracts import events
from contracts.envelope import Event, EventData


@dataclass(frozen=True)
class EventSpec:
    model: type[EventData]
    stream: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]

    @property
    def type(self) -> str:
        return self.model.event_type()


class UnknownEventType(ValueError):
    """The event's type is in no table: a newer or a foreign speaker. Permanent; it belongs in the dead letters."""


_PROVISIONER, _TRAINER, _COST, _JOBS = ("provisioner",), ("trainer",), ("cost_guard",), ("job_api",)

EVENTS: tuple[EventSpec, ...] = (
    EventSpec(events.JobCreated, "JOBS", _JOBS, ()),
    EventSpec(events.JobQueued, "JOBS", _JOBS, ()),
    EventSpec(events.JobPromoted, "JOBS", _JOBS, ()),
    EventSpec(events.JobStartRequested, "JOBS", _JOBS, ("provisioner", "cost_guard")),
    EventSpec(events.JobPauseRequested, "JOBS", _JOBS, ("provisioner", "cost_guard")),
    EventSpec(events.JobTierChangeRequested, "JOBS", _JOBS, ()),
    EventSpec(events.JobCancelRequested, "JOBS", _JOBS, ("provisioner",)),
    EventSpec(events.JobStatusChanged, "JOBS", _JOBS, ()),
    EventSpec(events.JobCompleted, "JOBS", _JOBS, ("cost_guard", "notifier", "provisioner")),
    EventSpec(events.JobFailed, "JOBS", _JOBS, ("cost_guard", "notifier", "provisioner")),
    EventSpec(events.JobCancelled, "JOBS", _JOBS, ("cost_guard", "provisioner")),
    EventSpec(events.JobDeleted, "JOBS", _JOBS, ("cost_guard", "metrics_ingest")),
    EventSpec(events.PodRequested, "PODS", _PROVISIONER, ("job_api", "cost_guard")),
    EventSpec(events.PodWaiting, "PODS", _PROVISIONER, ("job_api",)),
    EventSpec(events.PodRunning, "PODS", _PROVISIONER, ("job_api", "cost_guard")),
    EventSpec(
        events.PodInterrupted, "PODS", ("provisioner", "trainer"), ("job_api", "cost_guard", "notifier", "provisioner")
    ),
    EventSpec(events.PodFailed, "PODS", _PROVISIONER, ("job_api", "cost_guard")),
    EventSpec(events.PodTerminated, "PODS", _PROVISIONER, ("job_api", "cost_guard")),
    EventSpec(events.TrainingStarted, "TRAINING", _TRAINER, ("job_api", "provisioner")),
    EventSpec(events.TrainingStageChanged, "TRAINING", _TRAINER, ("job_api",)),
    EventSpec(events.TrainingResumed, "TRAINING", _TRAINER, ("job_api",)),
    EventSpec(events.TrainingProgressed, "TRAINING", _TRAINER, ("job_api",)),
    EventSpec(events.TrainingWarning, "TRAINING", _TRAINER, ("job_api",)),
    EventSpec(events.TrainingPaused, "TRAINING", _TRAINER, ("job_api", "provisioner")),
    # The provisioner repeats a result that it finds in the object store when a pod ended and the event is missing.
    EventSpec(events.TrainingCompleted, "TRAINING", ("trainer", "provisioner"), ("job_api", "provisioner")),
    EventSpec(events.TrainingFailed, "TRAINING", ("trainer", "provisioner"), ("job_api", "provisioner")),
    EventSpec(events.CheckpointExpired, "TRAINING", _PROVISIONER, ("job_api",)),
    EventSpec(events.CheckpointSaved, "TRAINING", _TRAINER, ("job_api", "provisioner")),
    EventSpec(events.EvaluationGenerated, "EVALUATIONS", ("trainer", "provisioner"), ("validator", "job_api")),
    EventSpec(events.MetricsReported, "METRICS", _TRAINER, ("metrics_ingest",)),
    EventSpec(events.LogReported, "LOGS", _TRAINER, ("metrics_ingest",)),
    EventSpec(events.CostUpdated, "COSTS", _COST, ("job_api",)),
    EventSpec(events.CostOverrun, "COSTS", _COST, ("job_api", "notifier")),
    EventSpec(events.CostLimitReached, "COSTS", _COST, ("job_api",)),
    EventSpec(events.BudgetThreshold, "COSTS", _COST, ("notifier",)),
    EventSpec(events.BudgetExceeded, "COSTS", _COST, ("notifier",)),
    EventSpec(events.ValidationUpdated, "VALIDATION", ("validator",), ("job_api",)),
)


@cache
def by_type() -> dict[str, EventSpec]:
    return {spec.type: spec for spec in EVENTS}


@cache
def spec_of(model: type[EventData]) -> EventSpec:
    return by_type()[model.event_type()]


@cache
def envelope_of(model: type[EventData]) -> type[Event[Any]]:
    return Event[model]  # type: ignore[valid-type]


def parse_event(raw: bytes) -> Event[Any]:
    """Read an envelope and its payload.

    Raises json.JSONDecodeError, UnicodeDecodeError, UnknownEventType, or pydantic.ValidationError: all permanent.
    """
    envelope = _decoded(raw)
    event_type = envelope.get("type") if isinstance(envelope, dict) else None
    spec = by_type().get(event_type) if isinstance(event_type, str) else None
    if spec is None:
        raise UnknownEventType(f"unknown event type {event_type!r}")
    return envelope_of(spec.model).model_validate_json(raw)


def _decoded(raw: bytes) -> Any:
    """Endless nesting and endless numbers are a JSONDecodeError as well."""
    try:
        return json.loads(raw)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise
    except (ValueError, RecursionError) as error:
        raise json.JSONDecodeError(str(error), "", 0) from error
