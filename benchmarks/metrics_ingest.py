"""Metric points from publisher to database: how many a second, and how late.

    python -m benchmarks.metrics_ingest [--points N] [--json PATH]

Real NATS (every message on disk before it is confirmed), PostgreSQL (every commit on disk), Valkey and the service as
a process of its own, all on this machine. Messages are those of a trainer: 200 steps of 6 metrics.

1. Throughput: N points are published and, mixed in, a tenth of the messages a second time past the broker's own
   deduplication. The clock runs from the first publish until all points are in the table; each must be there once.
2. Lag at a steady load: from the making of a message until a reader sees its last point in the table, looked at
   every 5 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import nats
import numpy as np
from nats.js import JetStreamContext

from chassis.database.migrate import upgrade
from chassis.messaging import topology
from contracts.envelope import new_event
from contracts.events import MetricsReported
from contracts.identifiers import uuid7
from contracts.streams import CONSUMERS, STREAMS
from stack.parts import NatsPart, PostgresPart, ValkeyPart, free_port

METRICS = ("loss", "learning_rate", "gradient_norm", "tokens_per_second", "gpu_utilization_pct", "eta_s")
STEPS = 200
JOBS = 20
WORKSPACE = uuid7()
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Running:
    """The parts and the service, ready."""

    nats_url: str
    database_url: str  # for asyncpg
    metrics_url: str


@contextmanager
def service() -> Iterator[Running]:
    with tempfile.TemporaryDirectory(prefix="brightrun-bench-", ignore_cleanup_errors=True) as folder:
        parts = NatsPart(Path(folder) / "nats"), PostgresPart(Path(folder) / "pg"), ValkeyPart(Path(folder) / "valkey")
        try:
            for part in parts:
                part.start()
            url = parts[1].create_database("metrics_ingest")
            asyncio.run(_prepare(parts[0].url, url))
            with _process(parts[0].url, url, parts[2].url, Path(folder)) as port:
                yield Running(parts[0].url, url.replace("+asyncpg", ""), f"http://127.0.0.1:{port}/metrics")
        finally:
            for part in reversed(parts):
                part.stop()


async def _prepare(nats_url: str, database_url: str) -> None:
    await upgrade("services.metrics_ingest", database_url)
    client = await nats.connect(nats_url)
    await topology.apply(client.jetstream(timeout=10), STREAMS, CONSUMERS)
    await client.close()


@contextmanager
def _process(nats_url: str, database_url: str, redis_url: str, folder: Path) -> Iterator[int]:
    port = free_port()
    settings = {
        "NATS_URL": nats_url, "DATABASE_URL": database_url, "REDIS_URL": redis_url, "HTTP_PORT": str(port),
        "DATA_DIR": str(folder / "data"), "LOG_LEVEL": "WARNING",
    }  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **{f"BRIGHTRUN_{k}": v for k, v in settings.items()}}
    process = subprocess.Popen([sys.executable, "-m", "services.metrics_ingest"], env=environment, cwd=ROOT)
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}/health/ready", process)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        with suppress(OSError):
            urllib.request.urlopen(url, timeout=2).close()  # noqa: S310  our own address
            return
        if process.poll() is not None:
            raise RuntimeError("the service ended while starting")
        time.sleep(0.1)
    raise RuntimeError("the service was not ready after a minute")


def message(job_id: UUID, number: int) -> tuple[str, bytes]:
    """The `number`-th report of a job: (subject, payload)."""
    first = number * STEPS + 1
    noise = random.Random(number)
    now = time.time()
    data = MetricsReported(
        job_id=job_id, workspace_id=WORKSPACE, attempt=1, sequence=number, steps=tuple(range(first, first + STEPS)),
        times=tuple(now + i / 1000 for i in range(STEPS)),
        values={name: tuple(noise.gauss(2, 0.3) for _ in range(STEPS)) for name in METRICS},
    )  # fmt: skip
    event = new_event(data, source="/trainer")
    return event.subject, event.to_bytes()


async def publish(stream: JetStreamContext, messages: list[tuple[str, bytes]], window: int = 64) -> None:
    """Confirmed by the server, `window` at once. No message id: the service, not the broker, must find repetitions."""
    slots = asyncio.Semaphore(window)

    async def one(subject: str, payload: bytes) -> None:
        async with slots:
            await stream.publish(subject, payload, timeout=60)

    await asyncio.gather(*(one(*item) for item in messages))


async def throughput(running: Running, points: int) -> dict[str, Any]:
    per_message = STEPS * len(METRICS)
    jobs = [uuid7() for _ in range(JOBS)]
    unique = [message(jobs[n % JOBS], n // JOBS) for n in range(max(JOBS, points // per_message))]
    repeated = unique[::10]
    order = unique + repeated
    random.Random(1).shuffle(order)
    expected = len(unique) * per_message
    client = await nats.connect(running.nats_url)
    database = await asyncpg.connect(running.database_url)
    began = time.perf_counter()
    publishing = asyncio.create_task(publish(client.jetstream(), order))
    await _until_consumed(client.jetstream(), publishing)
    seconds = time.perf_counter() - began
    stored = await database.fetchval("SELECT count(*) FROM metric_points")
    if stored != expected:
        raise AssertionError(f"{stored} points in the table, {expected} published")
    await database.close()
    await client.close()
    return {
        "points": expected, "points_published_twice": len(repeated) * per_message, "seconds": round(seconds, 2),
        "points_per_s": round(expected / seconds), "messages": len(order),
    }  # fmt: skip


async def _until_consumed(stream: JetStreamContext, publishing: asyncio.Task[None]) -> None:
    while True:
        await asyncio.sleep(0.02)
        info = await stream.consumer_info("METRICS", "metrics_ingest_metrics")
        if publishing.done() and info.num_pending == 0 and info.num_ack_pending == 0:
            return await publishing


async def lag(running: Running, points_per_s: int, seconds: float) -> dict[str, Any]:
    """A message every 1/n second, from as many jobs as take turns; each looked for in the table until it is there."""
    client = await nats.connect(running.nats_url)
    database = await asyncpg.create_pool(running.database_url, min_size=1, max_size=2)
    jobs = [uuid7() for _ in range(JOBS)]
    interval = STEPS * len(METRICS) / points_per_s
    published: dict[tuple[UUID, int], float] = {}
    lags: list[float] = []
    all_published = asyncio.Event()
    watching = asyncio.create_task(_watch(database, published, lags, all_published))
    start = time.perf_counter()
    for n in range(int(seconds / interval)):
        await asyncio.sleep(max(0.0, start + n * interval - time.perf_counter()))
        job_id, number = jobs[n % JOBS], n // JOBS
        made = time.perf_counter()
        subject, payload = message(job_id, number)
        published[job_id, (number + 1) * STEPS] = made
        await client.jetstream().publish(subject, payload, timeout=60)
    all_published.set()
    await watching
    await database.close()
    await client.close()
    p50, p99, worst = np.percentile(lags, [50, 99, 100])
    return {
        "load_points_per_s": points_per_s, "messages": len(lags), "p50_ms": round(p50 * 1000, 1),
        "p99_ms": round(p99 * 1000, 1), "max_ms": round(worst * 1000, 1),
    }  # fmt: skip


async def _watch(
    database: asyncpg.Pool, published: dict[tuple[UUID, int], float], lags: list[float], all_published: asyncio.Event
) -> None:
    query = """SELECT w.job_id, w.step FROM unnest($1::uuid[], $2::int[]) AS w (job_id, step)
        JOIN jobs USING (job_id) JOIN metric_points p USING (job_no, step)
        WHERE p.metric = (SELECT metric FROM metric_names WHERE name = 'loss') AND p.attempt = 1"""
    while published or not all_published.is_set():
        if waiting := list(published):
            rows = await database.fetch(query, [job for job, _ in waiting], [step for _, step in waiting])
            seen = time.perf_counter()
            lags += [seen - published.pop((row["job_id"], row["step"])) for row in rows]
        await asyncio.sleep(0.005)


def main(points: int = 3_000_000, lag_load: int = 20_000, lag_seconds: float = 20.0) -> dict[str, Any]:
    with service() as running:
        stored = asyncio.run(throughput(running, points))
        late = asyncio.run(lag(running, lag_load, lag_seconds))
    _print(stored, late)
    return {
        "points_per_second": stored["points_per_s"],
        "event_to_database_p50_ms": late["p50_ms"],
        "event_to_database_p99_ms": late["p99_ms"],
        "ingest_throughput": stored,
        "ingest_lag": late,
    }


def _print(stored: dict[str, Any], late: dict[str, Any]) -> None:
    twice = (
        f"{stored['points']:,} in {stored['seconds']} s, {stored['points_published_twice']:,} of them published twice"
    )
    print(f"points stored end to end      {stored['points_per_s']:>10,} /s   ({twice})")
    print(f"event to database, p50        {late['p50_ms']:>10} ms   (at {late['load_points_per_s']:,} points/s)")
    print(f"event to database, p99        {late['p99_ms']:>10} ms   (longest {late['max_ms']} ms)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="metric points from publisher to database")
    parser.add_argument("--points", type=int, default=3_000_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    result = main(arguments.points)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")
