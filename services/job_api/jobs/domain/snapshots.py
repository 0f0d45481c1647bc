"""Events that say how things stand, every few seconds: which of them are milestones and belong into the log."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from contracts.envelope import EventData
from contracts.events import CostUpdated, PodWaiting, TrainingProgressed


class Keep(Enum):
    LOG = "log"  # a milestone
    SHOW = "show"  # the newest snapshot, until the next one
    DROP = "drop"  # an older one that came late


@dataclass(frozen=True)
class Snapshot:
    """The newest one of its kind, as it was stored; `logged`: it stands in the log too."""

    attempt: int | None
    payload: Mapping[str, Any]
    logged: bool


def is_snapshot(data: EventData) -> bool:
    return isinstance(data, TrainingProgressed | CostUpdated | PodWaiting)


def keep(data: EventData, before: Snapshot | None, *, ended: bool, milestone: bool = False) -> Keep:
    """`ended`: the job has, so that only what settles it is news. `milestone`: an attempt has caught up."""
    if before is None:
        return Keep.LOG
    if isinstance(data, TrainingProgressed):
        found = _progress(data, before, ended)
        return Keep.LOG if milestone and found is Keep.SHOW else found
    if isinstance(data, PodWaiting):
        return _place_in_line(data, before, ended)
    assert isinstance(data, CostUpdated)
    return _cost(data, before.payload)


def _progress(data: TrainingProgressed, before: Snapshot, ended: bool) -> Keep:
    """The first of each attempt; the last one is logged when the job moves on."""
    attempt = before.attempt or 0
    if data.attempt != attempt:
        return Keep.LOG if data.attempt > attempt and not ended else Keep.DROP
    return Keep.DROP if ended or data.step < before.payload["step"] else Keep.SHOW


def _place_in_line(data: PodWaiting, before: Snapshot, ended: bool) -> Keep:
    """The first of each attempt."""
    if ended or data.attempt < (before.attempt or 0):
        return Keep.DROP
    return Keep.SHOW if data.attempt == before.attempt else Keep.LOG


def _cost(data: CostUpdated, before: Mapping[str, Any]) -> Keep:
    """The first, every change between running and not running, the final one. A cost only grows."""
    if before["final"]:
        return Keep.LOG if data.final and data.cost_micro_usd != before["cost_micro_usd"] else Keep.DROP
    if data.final or data.running != before["running"]:
        return Keep.LOG
    return Keep.DROP if data.cost_micro_usd < before["cost_micro_usd"] else Keep.SHOW
