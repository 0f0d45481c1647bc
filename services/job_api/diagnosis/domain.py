"""Failures of many jobs added up, and what is known about one of them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.error_catalogue import CatalogueEntry, ErrorCode, entry_of
from contracts.error_taxonomy import TrainingErrorType
from services.job_api.jobs.domain.success import Success

# Whose trace tells most of a failure, in this order.
_TOLD_BY = (("training.failed", "pod.failed"), ("job.failed",), ("job.start_requested",), ("job.created",))


@dataclass(frozen=True)
class FailedJobs:
    """How many jobs of a preset failed in the same way. `code` None: by a release that had no codes."""

    preset: str
    error_type: str
    code: str | None
    count: int

    @property
    def entry(self) -> CatalogueEntry:
        return entry_of(TrainingErrorType(self.error_type), self.code)


@dataclass(frozen=True)
class Retries:
    """Retries of jobs that failed in the same way. `followed`: with all that was suggested."""

    error_type: str
    code: str | None
    followed: bool
    success: Success

    @property
    def entry(self) -> CatalogueEntry:
        return entry_of(TrainingErrorType(self.error_type), self.code)


@dataclass
class CodeStatistics:
    entry: CatalogueEntry
    presets: Counter[str] = field(default_factory=Counter)
    with_suggestion: Success = field(default_factory=Success)
    without_suggestion: Success = field(default_factory=Success)

    @property
    def count(self) -> int:
        return self.presets.total()


@dataclass(frozen=True)
class PresetStatistics:
    preset: str
    ended: int
    failed: int
    most_frequent: ErrorCode | None


@dataclass(frozen=True)
class ErrorStatistics:
    """`codes`: the most frequent first."""

    codes: tuple[CodeStatistics, ...]
    presets: tuple[PresetStatistics, ...]

    @property
    def ended(self) -> int:
        return sum(preset.ended for preset in self.presets)

    @property
    def failed(self) -> int:
        return sum(preset.failed for preset in self.presets)

    @property
    def with_suggestion(self) -> Success:
        return sum((code.with_suggestion for code in self.codes), Success())

    @property
    def without_suggestion(self) -> Success:
        return sum((code.without_suggestion for code in self.codes), Success())


def statistics(
    ended: Mapping[str, int], failures: Sequence[FailedJobs], retries: Iterable[Retries]
) -> ErrorStatistics:
    """`ended`: jobs that completed or failed, by preset."""
    codes: dict[ErrorCode, CodeStatistics] = {}
    for group in failures:
        found = codes.setdefault(group.entry.code, CodeStatistics(group.entry))
        found.presets[group.preset] += group.count
    for retry in retries:
        found = codes.setdefault(retry.entry.code, CodeStatistics(retry.entry))
        if retry.followed:
            found.with_suggestion += retry.success
        else:
            found.without_suggestion += retry.success
    ordered = sorted(codes.values(), key=lambda code: (-code.count, code.entry.code))
    return ErrorStatistics(tuple(ordered), tuple(_preset(name, count, ordered) for name, count in ended.items()))


def _preset(name: str, ended: int, codes: Sequence[CodeStatistics]) -> PresetStatistics:
    counts = Counter({code.entry.code: code.presets[name] for code in codes if code.presets[name]})
    most = counts.most_common(1)
    return PresetStatistics(name, ended, counts.total(), most[0][0] if most else None)


def trace_of(events: Sequence[Mapping[str, Any]]) -> str | None:
    """The trace of the failure, else that of the start; events in their order."""
    for wanted in _TOLD_BY:
        for event in reversed(events):
            if event["type"] in wanted and event["trace_id"]:
                return str(event["trace_id"])
    return None


def trainer_versions(events: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What the newest trainer that said it ran with; empty where none did."""
    for event in reversed(events):
        payload = event["payload"]
        found = payload.get("versions") or (payload.get("context") or {}).get("versions")
        if isinstance(found, dict):
            return {str(name): str(value) for name, value in found.items()}
    return {}
