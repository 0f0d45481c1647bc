"""Those who want models: each job is a request to the API, and so many run at a time."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable
from typing import Any

import asyncpg
import httpx

from tests.system.stack_under_test import SAMPLE, StackUnderTest

ROOT = "/api/training"
ENDED = ("completed", "failed", "cancelled")
_LOOK_EVERY_S = 0.5


class Customers:
    """`jobs`: ids in the order of their start."""

    def __init__(self, system: StackUnderTest) -> None:
        self._system = system
        self.jobs: list[str] = []

    def prepare(self, spot_usd: float, on_demand_usd: float) -> None:
        """Money without end, and the provider's prices as the configured rates."""
        with self._system.client() as client:
            self._file = client.upload(SAMPLE).id
            client.http.json("PUT", f"{ROOT}/budget", json={"limit": 10_000_000})
            for tier, usd in (("spot", spot_usd), ("on_demand", on_demand_usd)):
                client.http.json("PUT", f"{ROOT}/rates", json={
                    "gpu_type": "h100_pcie_80gb", "gpu_pricing_tier": tier, "per_hour": usd})

    async def run(self, jobs: int, at_once: int, tier: str, deadline_s: float) -> None:
        """Until every job has ended. Raises TimeoutError."""
        credentials = json.loads((self._system.data / "credentials.json").read_text())
        headers = {"Authorization": f"Bearer {credentials['api_key']}"}
        reader = await asyncpg.connect(**database(self._system, "job_api"))
        try:
            async with asyncio.timeout(deadline_s), httpx.AsyncClient(
                base_url=credentials["url"], headers=headers, timeout=60
            ) as http:
                await self._keep_running(http, reader, jobs, at_once, tier)
        finally:
            await reader.close()

    async def _keep_running(
        self, http: httpx.AsyncClient, reader: asyncpg.Connection, jobs: int, at_once: int, tier: str
    ) -> None:
        told_at = time.monotonic()
        while True:
            counts = await statuses(reader)
            ended = sum(counts.get(status, 0) for status in ENDED)
            if time.monotonic() - told_at > 15:
                told_at = time.monotonic()
                print("  " + ", ".join(f"{count} {status}" for status, count in sorted(counts.items())), flush=True)
            if ended >= jobs:
                return
            wanted = min(at_once - (len(self.jobs) - ended), jobs - len(self.jobs))
            for _ in range(max(0, wanted)):
                await self._start(http, tier)
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _start(self, http: httpx.AsyncClient, tier: str) -> None:
        answer = await http.post(f"{ROOT}/jobs", json={
            "training_file_id": self._file, "preset": "balanced", "name": f"fleet {len(self.jobs) + 1}",
            "gpu_pricing_tier": tier, "start": True})
        answer.raise_for_status()
        self.jobs.append(answer.json()["id"])


async def statuses(reader: asyncpg.Connection) -> dict[str, int]:
    rows: Iterable[Any] = await reader.fetch("SELECT status, count(*) AS n FROM training_jobs GROUP BY status")
    return {row["status"]: row["n"] for row in rows}


def database(system: StackUnderTest, service: str) -> dict[str, Any]:
    passwords = json.loads((system.data / "secrets.json").read_text())["databases"]
    port = json.loads((system.data / "stack.json").read_text())["ports"]["postgres"]
    return {"host": "127.0.0.1", "port": port, "user": service, "database": service, "password": passwords[service]}
