"""A chart of a million points: how long the service needs to answer.

    python -m benchmarks.metrics_chart [--points N] [--json PATH]

One job with N points of one metric and the same steps of a second one beside it; the chart asks for the first with
2,000 points. `server` is what the service's own histogram counted from question to answer, before JSON; `rpc` is what
the asker saw. Asked for the whole job (columns from PostgreSQL), for a tenth of it, and for the newest 1,500 steps,
which the hot window in Redis covers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import nats
import numpy as np

from benchmarks.metrics_ingest import WORKSPACE, Running, publish, service
from chassis.messaging.bus import Bus
from chassis.settings import ServiceSettings
from contracts.envelope import new_event
from contracts.events import MetricsReported
from contracts.identifiers import uuid7
from contracts.rpc.metrics import EXPORT, LATEST, RANGE, ExportQuery, LatestQuery, RangeQuery

REPEATS = 15
STEPS = 2000


def report(job_id: UUID, first: int, values: np.ndarray) -> tuple[str, bytes]:
    size = len(values)
    data = MetricsReported(
        job_id=job_id, workspace_id=WORKSPACE, attempt=1, steps=tuple(range(first, first + size)),
        times=tuple(1.7e9 + np.arange(first, first + size) / 10),
        values={"loss": tuple(values.tolist()), "learning_rate": tuple((values / 1e4).tolist())},
    )  # fmt: skip
    event = new_event(data, source="/trainer")
    return event.subject, event.to_bytes()


async def fill(running: Running, job_id: UUID, points: int) -> None:
    """A noisy falling loss, stored and packed."""
    noise = np.random.default_rng(1)
    steps = np.arange(1, points + 1)
    losses = 0.5 + 3 * np.exp(-steps / (points / 5)) + noise.normal(0, 0.1, points)
    messages = [report(job_id, int(at) + 1, losses[at : at + STEPS]) for at in range(0, points, STEPS)]
    client = await nats.connect(running.nats_url)
    await publish(client.jetstream(), messages, window=16)
    await client.close()
    database = await asyncpg.connect(running.database_url)
    while True:
        count = await database.fetchval("SELECT count(*) FROM metric_points")
        unpacked = await database.fetchval("SELECT count(*) FROM blocks WHERE NOT packed")
        if count == 2 * points and unpacked == 0:
            break
        await asyncio.sleep(0.5)
    await database.close()


async def ask(running: Running, job_id: UUID, points: int) -> dict[str, dict[str, float]]:
    settings = ServiceSettings(service_name="bench", nats_url=running.nats_url)
    bus = Bus(settings)
    await bus.start()
    about = {"job_id": job_id, "workspace_id": WORKSPACE}

    async def chart(**bounds: int) -> None:
        reply = await bus.request(RANGE, RangeQuery(**about, metrics=("loss",), **bounds), timeout_s=30)
        assert 1000 < len(reply.series[0].steps) <= 2000

    try:
        return {
            "whole job": await _timed(running, lambda: chart()),
            "a tenth of it": await _timed(
                running, lambda: chart(from_step=points // 2, to_step=points // 2 + points // 10)
            ),
            "newest 1,500 steps": await _timed(running, lambda: chart(from_step=points - 1499)),
            "latest values": await _timed(running, lambda: bus.request(LATEST, LatestQuery(**about), timeout_s=30)),
            "page of the export": await _timed(
                running, lambda: bus.request(EXPORT, ExportQuery(**about), timeout_s=30)
            ),
        }
    finally:
        await bus.stop()


async def _timed(running: Running, call: Callable[[], Awaitable[Any]]) -> dict[str, float]:
    """p50 and longest in ms as the asker saw it, and the mean of the server's own clock where it keeps one."""
    await call()
    await asyncio.sleep(0.5)  # the first question may have had the hot window built; this is about the state after
    before = _server_clock(running)
    seen = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        await call()
        seen.append((time.perf_counter() - began) * 1000)
    after = _server_clock(running)
    figures = {"rpc_p50_ms": round(float(np.median(seen)), 1), "rpc_max_ms": round(max(seen), 1)}
    if after[1] > before[1]:
        figures["server_mean_ms"] = round((after[0] - before[0]) / (after[1] - before[1]) * 1000, 1)
    return figures


def _server_clock(running: Running) -> tuple[float, float]:
    """(seconds, charts) the service has counted."""
    text = urllib.request.urlopen(running.metrics_url).read().decode()  # noqa: S310  our own address
    totals = {"sum": 0.0, "count": 0.0}
    for line in text.splitlines():
        for kind in totals:
            if line.startswith(f"brightrun_metric_chart_seconds_{kind}{{"):
                totals[kind] += float(line.rpartition(" ")[2])
    return totals["sum"], totals["count"]


def main(points: int = 1_000_000) -> dict[str, Any]:
    job_id = uuid7()
    with service() as running:
        asyncio.run(fill(running, job_id, points))
        questions = asyncio.run(ask(running, job_id, points))
    _print(points, questions)
    whole = questions["whole job"]
    return {
        "chart_1m_points_ms": whole["server_mean_ms"],
        "chart_1m_points_rpc_p50_ms": whole["rpc_p50_ms"],
        "chart_points": points,
        "chart_questions": questions,
    }


def _print(points: int, questions: dict[str, dict[str, float]]) -> None:
    print(f"{points:,} points of one metric; ms      server mean   rpc p50   rpc longest")
    for name, found in questions.items():
        print(f"{name:<38}{found.get('server_mean_ms', ''):>11}{found['rpc_p50_ms']:>10}{found['rpc_max_ms']:>14}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="charts of a job with many points")
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    result = main(arguments.points)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")
