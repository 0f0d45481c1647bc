"""Requests of the REST API on a whole installation; and what its services take while nothing happens."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from benchmarks.capacity.processes import connections, processor_s
from tests.system.stack_under_test import SAMPLE, StackUnderTest

SERVICES = ("job_api", "provisioner", "metrics_ingest", "cost_guard", "validator", "notifier")
ROOT, WARM, AT_ONCE = "/api/training", 50, 8
IDLE_S = 20.0
Request = Callable[[httpx.AsyncClient, int], Awaitable[httpx.Response]]


def measure(requests: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="brightrun-bench-") as folder:
        system = StackUnderTest(Path(folder) / ".data")
        system.up()
        try:
            time.sleep(10)
            return _idle(system) | asyncio.run(_load(system, requests))
        finally:
            system.down()


def _idle(system: StackUnderTest) -> dict[str, float]:
    """Memory (MB), share of a core, and connections of each service."""
    ports = json.loads((system.data / "stack.json").read_text())["ports"]
    programs = system.programs()
    before = {name: processor_s(programs[name]["pid"]) for name in (*SERVICES, "postgres", "nats")}
    time.sleep(IDLE_S)
    found: dict[str, float] = {}
    for name, began in before.items():
        found[f"idle_{name}_percent_of_a_core"] = 100 * (processor_s(programs[name]["pid"]) - began) / IDLE_S
        found[f"idle_{name}_mb"] = programs[name]["memory_mib"] * 1.048576
    for name in SERVICES:
        counted = connections(programs[name]["pid"], (ports["postgres"], ports["nats"]))
        found |= {f"idle_{name}_postgres_connections": counted[ports["postgres"]],
                  f"idle_{name}_nats_connections": counted[ports["nats"]]}
    return found


async def _load(system: StackUnderTest, requests: int) -> dict[str, float]:
    with system.client() as client:
        body = {"training_file_id": client.upload(SAMPLE).id, "preset": "balanced"}
        headers, url = {"Authorization": f"Bearer {client.credentials.api_key}"}, client.credentials.url
    ids: list[str] = []

    async def create(http: httpx.AsyncClient, number: int) -> httpx.Response:
        answer = await http.post(f"{ROOT}/jobs", json=body | {"name": f"job {number} {time.time()}"})
        ids.append(answer.json()["id"])
        return answer

    async def one(http: httpx.AsyncClient, number: int) -> httpx.Response:
        return await http.get(f"{ROOT}/jobs/{ids[number % len(ids)]}")

    async def several(http: httpx.AsyncClient, number: int) -> httpx.Response:
        return await http.get(f"{ROOT}/jobs", params={"limit": 20})

    found: dict[str, float] = {}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as http:
        for name, request in (("create_job", create), ("get_job", one), ("list_20_jobs", several)):
            found |= await _costs(system, name, http, request, requests)
    return found


async def _costs(
    system: StackUnderTest, name: str, http: httpx.AsyncClient, request: Request, requests: int
) -> dict[str, float]:
    """Milliseconds of a core for one request, in the service and in PostgreSQL. A new job's event is among them."""
    await _send(http, request, WARM)
    pids = {part: system.programs()[part]["pid"] for part in ("job_api", "postgres")}
    before = {part: processor_s(pid) for part, pid in pids.items()}
    began = time.perf_counter()
    await _send(http, request, requests)
    seconds = time.perf_counter() - began
    await asyncio.sleep(1)
    spent = {part: processor_s(pid) - before[part] for part, pid in pids.items()}
    return {f"{name}_job_api_ms": 1000 * spent["job_api"] / requests,
            f"{name}_postgres_ms": 1000 * spent["postgres"] / requests,
            f"{name}_requests_per_s_then": requests / seconds}


async def _send(http: httpx.AsyncClient, request: Request, count: int) -> None:
    numbers: list[int] = list(range(count))

    async def worker() -> None:
        while numbers:
            answer: Any = await request(http, numbers.pop())
            answer.raise_for_status()

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
