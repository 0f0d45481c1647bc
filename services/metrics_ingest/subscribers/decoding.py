"""One metrics.reported message, read fast and judged exactly as the contract judges it."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
import numpy as np

from chassis.messaging.raw_message import RawMessage, read_event
from chassis.messaging.retry import Permanent
from contracts.events import MetricsReported
from services.metrics_ingest.domain.attempts import MOST_ATTEMPTS
from services.metrics_ingest.domain.curves import Floats, Ints
from services.metrics_ingest.domain.points import LARGEST
from services.metrics_ingest.domain.reports import Report

Natural = Annotated[int, msgspec.Meta(ge=0, le=LARGEST)]
Value = float | Literal["NaN", "Infinity", "-Infinity"] | None
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_./-]{0,99}")


class _Data(msgspec.Struct):
    job_id: UUID
    workspace_id: UUID
    attempt: Annotated[int, msgspec.Meta(ge=1, le=LARGEST)]
    steps: Annotated[list[Natural], msgspec.Meta(min_length=1, max_length=2000)]
    times: list[float]
    values: Annotated[dict[str, list[Value]], msgspec.Meta(min_length=1, max_length=64)]
    sequence: Annotated[int, msgspec.Meta(ge=0)] = 0
    resumed_from_step: Natural = 0


class _Envelope(msgspec.Struct):
    id: UUID
    source: str
    type: Literal["brightrun.metrics.reported.v1"]
    subject: str
    time: datetime
    data: _Data
    specversion: Literal["1.0"] = "1.0"
    datacontenttype: Literal["application/json"] = "application/json"
    traceparent: str | None = None


_decoder = msgspec.json.Decoder(_Envelope)


def read_report(raw: RawMessage) -> Report:
    """Decode and check a message.

    msgspec takes what is plainly right; the contract's own model decides about the rest and says what is wrong.
    Raises Permanent and what `parse_event` raises: the message is bad.
    """
    try:
        envelope = _decoder.decode(raw.data)
        return _columns(envelope.data, envelope.time) if _consistent(raw, envelope) else _read_slowly(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _read_slowly(raw)


def _consistent(raw: RawMessage, envelope: _Envelope) -> bool:
    data, expected = envelope.data, len(envelope.data.steps)
    return (
        raw.subject == envelope.subject == f"{MetricsReported.subject_prefix()}.{data.job_id}"
        and len(data.times) == expected
        and all(len(column) == expected for column in data.values.values())
    )


def _read_slowly(raw: RawMessage) -> Report:
    event = read_event(raw)
    data = event.data
    if not isinstance(data, MetricsReported):
        raise Permanent(f"{event.type} is no report of metrics")
    if max(data.attempt, data.resumed_from_step, *data.steps) > LARGEST:
        raise Permanent(f"attempts and steps beyond {LARGEST} cannot be stored")
    return _columns(data, event.time)


def _columns(data: _Data | MetricsReported, sent_at: datetime) -> Report:
    if data.attempt > MOST_ATTEMPTS:
        raise Permanent(f"a job has at most {MOST_ATTEMPTS} attempts, and this report is about attempt {data.attempt}")
    steps, times = np.array(data.steps, dtype=np.int32), _times(data.times, sent_at)
    columns = [_column(name, values) for name, values in data.values.items()]
    columns = [column for column in columns if len(column[1])]
    return Report(
        job_id=data.job_id,
        workspace_id=data.workspace_id,
        attempt=data.attempt,
        resumed_from_step=data.resumed_from_step,
        time=sent_at.timestamp(),
        names=tuple(name for name, _, _ in columns),
        name_index=np.repeat(np.arange(len(columns), dtype=np.int32), [len(present) for _, present, _ in columns]),
        steps=np.concatenate([steps[:0], *(steps[present] for _, present, _ in columns)]),
        times=np.concatenate([times[:0], *(times[present] for _, present, _ in columns)]),
        values=np.concatenate([times[:0], *(values for _, _, values in columns)]),
    )


def _column(name: str, values: Sequence[Value]) -> tuple[str, Ints, Floats]:
    """The name, where it has values, and these."""
    if not _NAME.fullmatch(name):
        raise Permanent(f"{name[:120]!r} is no name of a metric: letters, digits and _./- only, at most 100")
    array = np.array(values, dtype=np.float64)
    present = _present(values, array)
    return name, present, array[present]


def _present(column: Sequence[Value], array: Floats) -> Ints:
    """Indexes of the values that are not null. numpy made NaN of null, so only columns with NaN need a look."""
    if not np.isnan(array).any():
        return np.arange(len(array), dtype=np.int32)
    return np.array([i for i, value in enumerate(column) if value is not None], dtype=np.int32)


def _times(times: Sequence[float], sent_at: datetime) -> Floats:
    """A time that is no number is replaced by the envelope's."""
    array = np.array(times, dtype=np.float64)
    return np.where(np.isfinite(array), array, sent_at.timestamp())
