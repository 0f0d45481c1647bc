"""Metric points: what one costs on its way, and what it takes up in the stream and in the table."""

from __future__ import annotations

import asyncio
import random
import time

import asyncpg
import nats
import psutil

from benchmarks.capacity.processes import processor_s
from benchmarks.metrics_ingest import (
    JOBS,
    METRICS,
    STEPS,
    WORKSPACE,
    Running,
    _until_consumed,
    message,
    publish,
    service,
)
from contracts.envelope import new_event
from contracts.events import MetricsReported
from contracts.identifiers import uuid7

# Blocks that nobody writes to any more are packed into columns for charts, beside the rows.
_PACKED_AFTER_S = 20
_PROGRAMS = {"metrics_ingest": "services.metrics_ingest", "nats": "nats-server", "postgres": "postgres"}


def measure(points: int) -> dict[str, float]:
    with service() as running:
        return asyncio.run(_measure(running, points))


async def _measure(running: Running, points: int) -> dict[str, float]:
    per_message = STEPS * len(METRICS)
    jobs = [uuid7() for _ in range(JOBS)]
    messages = [message(jobs[n % JOBS], n // JOBS) for n in range(max(JOBS, points // per_message))]
    random.Random(1).shuffle(messages)
    total = len(messages) * per_message
    client, database = await nats.connect(running.nats_url), await asyncpg.connect(running.database_url)
    pids = _pids()
    before = {name: processor_s(pid) for name, pid in pids.items()}
    began = time.perf_counter()
    publishing = asyncio.create_task(publish(client.jetstream(), messages))
    await _until_consumed(client.jetstream(), publishing)
    seconds = time.perf_counter() - began
    spent = {f"point_{name}_us": 1e6 * (processor_s(pid) - before[name]) / total for name, pid in pids.items()}
    await asyncio.sleep(_PACKED_AFTER_S)
    stream = (await client.jetstream().stream_info("METRICS")).state.bytes
    table = await database.fetchval(
        "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c "
        "WHERE c.relkind = 'r' AND (c.relname LIKE 'metric_points%' OR c.relname = 'segments')")
    await database.close()
    await client.close()
    return spent | {
        "report_of_one_step_bytes": _bytes_of_one_step(), "points_per_s_then": total / seconds,
        "stream_bytes_per_point": stream / total, "table_bytes_per_point": float(table) / total}


def _bytes_of_one_step() -> float:
    """What a trainer publishes whose steps take longer than its reports are apart: six points."""
    data = MetricsReported(job_id=uuid7(), workspace_id=WORKSPACE, attempt=1, sequence=1000, steps=(1000,),
                           times=(time.time(),), values={name: (random.random(),) for name in METRICS})
    return float(len(new_event(data, source="/trainer").to_bytes()))


def _pids() -> dict[str, int]:
    """Of this process's own programs, the newest of each kind that has no parent of the same kind."""
    found = {}
    for child in psutil.Process().children(recursive=True):
        words = " ".join(child.cmdline())
        for name, word in _PROGRAMS.items():
            if word in words and name not in found:
                found[name] = child.pid
    return found
