"""The attempts of a job as its log tells them: when each began and ended, why, and which steps it did."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

# What of the log is about attempts.
TYPES = (
    "pod.requested", "pod.running", "pod.interrupted", "pod.failed", "pod.terminated", "training.started",
    "training.resumed", "training.progressed", "training.failed", "training.paused", "training.completed",
)
_DETECTED = {
    "sigterm": ("machine_taken_back", "The provider took the machine back"),
    "heartbeat": ("machine_silent", "The machine fell silent"),
    "provider": ("machine_gone", "The machine was lost"),
}


@dataclass(frozen=True)
class Entry:
    type: str
    attempt: int
    at: datetime
    payload: Mapping[str, Any]


@dataclass
class Attempt:
    """`ended_at`: when it stopped to work; its machine is gone at `terminated_at`. `steps`: (when, step), as logged."""

    number: int
    requested_at: datetime | None = None
    running_since: datetime | None = None
    ended_at: datetime | None = None
    terminated_at: datetime | None = None
    provider: str = ""
    gpu_type: str = ""
    gpu_model: str = ""
    pricing_tier: str = ""
    tier_reason: str = ""
    outcome: str = "running"
    cause_code: str = ""
    cause: str = ""
    ended_because: str = ""  # what the provisioner gave as the reason when it ended the machine
    resumed_from_step: int | None = None
    checkpoint_attempt: int | None = None
    steps: list[tuple[datetime, int]] = field(default_factory=list)

    @property
    def from_step(self) -> int | None:
        """Where its first step followed; None: it never stepped."""
        return (self.resumed_from_step or 0) if self.steps else None

    @property
    def to_step(self) -> int | None:
        return max((step for _, step in self.steps), default=None)

    def reached(self, step: int) -> datetime | None:
        """When it was at this step. Between two logged steps the time is taken for even."""
        before: tuple[datetime, int] | None = None
        for at, done in sorted(self.steps):
            if done >= step:
                return at if before is None or done == before[1] else (
                    before[0] + (at - before[0]) * ((step - before[1]) / (done - before[1])))
            before = (at, done)
        return None


def attempts_of(entries: Iterable[Entry]) -> list[Attempt]:
    """In their order. The same log gives the same attempts, however its entries arrived."""
    found: dict[int, Attempt] = {}
    for entry in sorted(entries, key=lambda entry: (entry.type != "pod.running", entry.at)):
        attempt = found.setdefault(entry.attempt, Attempt(entry.attempt))
        _READ[entry.type](attempt, entry, entry.payload)
    ordered = [found[number] for number in sorted(found)]
    for attempt, following in pairwise(ordered):
        if attempt.outcome == "running":
            _end(attempt, following.requested_at or attempt.terminated_at, "replaced", "replaced",
                 "A newer attempt took over.")
    for last in ordered[-1:]:
        _stopped(last)
    return ordered


def _stopped(attempt: Attempt) -> None:
    """Its machine is gone and itself it told of no end: somebody ended the job, or its money did."""
    if attempt.terminated_at is not None:
        why = f": {attempt.ended_because.rstrip('.')}" if attempt.ended_because else ""
        _end(attempt, attempt.terminated_at, "stopped", "stopped", f"Its machine was ended{why}.")


def _end(attempt: Attempt, at: datetime | None, outcome: str, code: str, cause: str) -> None:
    """The first word of an end counts."""
    if attempt.outcome == "running":
        attempt.ended_at, attempt.outcome, attempt.cause_code, attempt.cause = at, outcome, code, cause


def _requested(attempt: Attempt, entry: Entry, payload: Mapping[str, Any]) -> None:
    attempt.requested_at = attempt.requested_at or entry.at
    attempt.tier_reason = payload.get("reason") or attempt.tier_reason
    _machine(attempt, entry, payload)


def _machine(attempt: Attempt, entry: Entry, payload: Mapping[str, Any]) -> None:
    for name in ("provider", "gpu_type", "pricing_tier", "gpu_model"):
        setattr(attempt, name, payload.get(name) or getattr(attempt, name))


def _running(attempt: Attempt, entry: Entry, payload: Mapping[str, Any]) -> None:
    _machine(attempt, entry, payload)
    attempt.running_since = _time(payload["running_since"])


def _interrupted(attempt: Attempt, entry: Entry, payload: Mapping[str, Any]) -> None:
    code, words = _DETECTED.get(payload["detected_by"], ("machine_gone", "The machine was lost"))
    if attempt.running_since is None:
        code, words = "machine_not_started", "The machine did not come up"
    reason = payload.get("reason")
    at = _time(payload["interrupted_at"])
    if payload.get("last_step") and attempt.outcome == "running":
        attempt.steps.append((at, payload["last_step"]))
    _end(attempt, at, "interrupted", code, f"{words}: {reason}." if reason else f"{words}.")


def _given_up(attempt: Attempt, entry: Entry, payload: Mapping[str, Any]) -> None:
    _end(attempt, entry.at, "failed", _code(payload), payload["message"])


def _terminated(attempt: Attempt, entry: Entry, payload: Mapping[str, Any]) -> None:
    _machine(attempt, entry, payload)
    attempt.terminated_at = _time(payload["terminated_at"])
    attempt.ended_because = payload.get("reason") or ""
    if payload.get("running_since"):
        attempt.running_since = _time(payload["running_since"])


def _resumed(attempt: Attempt, entry: Entry, payload: Mapping[str, Any]) -> None:
    attempt.resumed_from_step, attempt.checkpoint_attempt = payload["resumed_from_step"], payload["checkpoint_attempt"]


def _progressed(attempt: Attempt, entry: Entry, payload: Mapping[str, Any]) -> None:
    attempt.steps.append((entry.at, payload["step"]))


def _failed(attempt: Attempt, entry: Entry, payload: Mapping[str, Any]) -> None:
    _end(attempt, _time(payload["failed_at"]), "failed", _code(payload), payload["message"])


def _paused(attempt: Attempt, entry: Entry, payload: Mapping[str, Any]) -> None:
    _end(attempt, entry.at, "paused", "paused", "Ended on request, at a checkpoint.")


def _completed(attempt: Attempt, entry: Entry, payload: Mapping[str, Any]) -> None:
    at = _time(payload["completed_at"])
    attempt.steps.append((at, payload["total_steps"]))
    _end(attempt, at, "completed", "completed", "The adapter is trained and uploaded.")


def _nothing(attempt: Attempt, entry: Entry, payload: Mapping[str, Any]) -> None:
    """That it was heard of is all."""


def _code(payload: Mapping[str, Any]) -> str:
    return str(payload.get("error_code") or payload["error_type"])


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


_READ = {
    "pod.requested": _requested, "pod.running": _running, "pod.interrupted": _interrupted, "pod.failed": _given_up,
    "pod.terminated": _terminated, "training.started": _nothing, "training.resumed": _resumed,
    "training.progressed": _progressed, "training.failed": _failed, "training.paused": _paused,
    "training.completed": _completed,
}
