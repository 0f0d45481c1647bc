"""All metrics of a job as one file: a row for each step of each attempt, as CSV or JSON."""

import asyncio
import csv
import hashlib
import io
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, Literal
from uuid import UUID

from chassis.objects.store import ObjectStore
from contracts.events.metrics import METRIC_NAMES
from contracts.rpc.metrics import EXPORT, ExportQuery, RawPoint
from services.job_api.artifacts.application.delivery import Delivery
from services.job_api.artifacts.errors import NoMetrics
from services.job_api.artifacts.sources import BUCKET, LocalFile
from services.job_api.ports import RpcClient

MetricsFormat = Literal["csv", "json"]
MEDIA_TYPES: dict[MetricsFormat, str] = {"csv": "text/csv", "json": "application/json"}
_ABOUT = ("step", "attempt", "superseded", "time")


async def export_metrics(
    rpc: RpcClient, objects: ObjectStore, workspace_id: UUID, job_id: UUID, form: MetricsFormat
) -> Delivery:
    """Read page by page, spooled to disk, stored under the hash of its content. Raises 409 when there are none."""
    with TemporaryDirectory(prefix="brightrun-metrics-", ignore_cleanup_errors=True) as folder:
        spool, target = Path(folder) / "rows", Path(folder) / f"metrics.{form}"
        with spool.open("wb") as file:
            names = await _spool(rpc, workspace_id, job_id, file)
        if not names:
            raise NoMetrics(job_id)
        written = await asyncio.to_thread(_write, form, job_id, names, spool, target)
        key = f"{workspace_id}/{job_id}/deliveries/{written.sha256[:24]}/{written.path}"
        await objects.put_stream(BUCKET, key, written.chunks(), content_type=MEDIA_TYPES[form])
        return Delivery(key, written.path, written.size, written.sha256)


def _write(form: MetricsFormat, job_id: UUID, names: set[str], spool: Path, target: Path) -> LocalFile:
    columns = [*_ABOUT, *(name for name in METRIC_NAMES if name in names), *sorted(names - set(METRIC_NAMES))]
    pieces, digest = _csv_pieces if form == "csv" else _json_pieces, hashlib.sha256()
    with target.open("wb") as file, spool.open("rb") as rows:
        for piece in pieces(job_id, columns, (json.loads(line) for line in rows)):
            digest.update(piece)
            file.write(piece)
    return LocalFile(f"job-{job_id}-metrics.{form}", target, target.stat().st_size, digest.hexdigest())


async def _spool(rpc: RpcClient, workspace_id: UUID, job_id: UUID, file: BinaryIO) -> set[str]:
    """Rows as JSON lines; returns the names of all metrics met."""
    names: set[str] = set()
    async for row in _rows(rpc, workspace_id, job_id):
        names |= row.keys() - set(_ABOUT)
        file.write(json.dumps(row).encode() + b"\n")
    return names


async def _rows(rpc: RpcClient, workspace_id: UUID, job_id: UUID) -> AsyncIterator[dict[str, Any]]:
    """Points come in the order of steps; those of one step and attempt become one row."""
    pending: dict[int, dict[str, Any]] = {}
    step = -1
    async for point in _points(rpc, workspace_id, job_id):
        if point.step != step:
            for row in _complete(pending):
                yield row
            pending, step = {}, point.step
        row = pending.setdefault(
            point.attempt,
            {"step": point.step, "attempt": point.attempt, "superseded": point.superseded, "time": point.time},
        )
        row[point.metric] = point.model_dump()["value"]
    for row in _complete(pending):
        yield row


def _complete(pending: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
    return [pending[attempt] for attempt in sorted(pending)]


async def _points(rpc: RpcClient, workspace_id: UUID, job_id: UUID) -> AsyncIterator[RawPoint]:
    cursor: str | None = None
    while True:
        query = ExportQuery(job_id=job_id, workspace_id=workspace_id, cursor=cursor)
        page = await rpc.request(EXPORT, query, timeout_s=10.0)
        for point in page.points:
            yield point
        cursor = page.next_cursor
        if cursor is None:
            return


def _csv_pieces(job_id: UUID, columns: list[str], rows: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """RFC 4180 with a header; an empty cell: no value at that step. NaN and Infinity are written as such."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns)
    writer.writeheader()
    for row in rows:
        writer.writerow(row)
        if buffer.tell() > 64 * 1024:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> bytes:
    data = buffer.getvalue().encode()
    buffer.seek(0)
    buffer.truncate()
    return data


def _json_pieces(job_id: UUID, columns: list[str], rows: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """One object; JSON has no NaN, so such values are the texts "NaN", "Infinity" and "-Infinity"."""
    head = {"object": "training_job.metrics_export", "job_id": str(job_id), "columns": columns}
    yield json.dumps(head).encode()[:-1] + b', "rows": ['
    separator = b"\n"
    for row in rows:
        yield separator + json.dumps(row).encode()
        separator = b",\n"
    yield b"\n]}\n"
