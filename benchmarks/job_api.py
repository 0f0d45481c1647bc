"""Job creation at 50 requests/s, the list of 10,000 jobs at 10: `python -m benchmarks.job_api [--json PATH]`.

Requests go over real HTTP to a running stack at fixed moments (open loop): a slow answer does not slow the next
question down, and waiting counts.
"""

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from tests.system.stack_under_test import SAMPLE, StackUnderTest

CREATE_RATE, LIST_RATE, SECONDS, JOBS = 50, 10, 20, 10_000  # requests/s, requests/s, s, rows
ROOT = "/api/training"


def main() -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        system = StackUnderTest(Path(folder) / ".data")
        system.up()
        try:
            figures = asyncio.run(_measure(system))
        finally:
            system.down()
    for name, value in figures.items():
        print(f"{name:24} {value:10.1f}")
    if options.json:
        options.json.write_text(json.dumps(figures))
    return figures


async def _measure(system: StackUnderTest) -> dict[str, float]:
    with system.client() as client:
        file_id = client.upload(SAMPLE).id
        headers = {"Authorization": f"Bearer {client.credentials.api_key}"}
        url = client.credentials.url
    async with httpx.AsyncClient(
        base_url=url, headers=headers, timeout=30, limits=httpx.Limits(max_connections=400)
    ) as http:
        body = {"training_file_id": file_id, "preset": "balanced"}
        for number in range(20):
            (await http.post(f"{ROOT}/jobs", json=body | {"name": f"warm {number}"})).raise_for_status()
        created = await _open_loop(lambda n: http.post(f"{ROOT}/jobs", json=body | {"name": f"job {n}"}), CREATE_RATE)
        await asyncio.to_thread(_fill, system, JOBS)
        filters: list[dict[str, Any]] = [
            {},
            {"status": "pending"},
            {"q": "copy"},
            {"sort": "name"},
            {"sort": "cost", "order": "asc"},
        ]
        listed = await _open_loop(
            lambda n: http.get(f"{ROOT}/jobs", params=filters[n % len(filters)] | {"limit": 50}), LIST_RATE
        )
    return {
        "create_job_p50_ms": percentile(created, 50),
        "create_job_p99_ms": percentile(created, 99),
        "list_jobs_p50_ms": percentile(listed, 50),
        "list_jobs_p99_ms": percentile(listed, 99),
    }


async def _open_loop(request: Any, rate: int) -> list[float]:
    """Milliseconds from the moment a request was due to its answer."""
    begin = time.perf_counter() + 0.2

    async def one(number: int) -> float:
        due = begin + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        (await request(number)).raise_for_status()
        return (time.perf_counter() - due) * 1000

    return list(await asyncio.gather(*(one(number) for number in range(rate * SECONDS))))


def _fill(system: StackUnderTest, wanted: int) -> None:
    """Multiply the jobs that the API made, so that the table holds what it would after years."""
    kept = [name for name in columns_of(system) if name not in ("id", "name", "created_at")]
    system.query(
        "job_api",
        f"""
        INSERT INTO training_jobs (id, name, created_at, {", ".join(kept)})
        SELECT gen_random_uuid(), 'copy ' || n, now() - n * interval '1 minute', {", ".join(kept)}
        FROM (SELECT * FROM training_jobs LIMIT 1) AS model, generate_series(1, {wanted}) AS n""",
    )
    system.query("job_api", "ANALYZE training_jobs")


def columns_of(system: StackUnderTest) -> list[str]:
    """Of `training_jobs`, those that are written."""
    rows = system.query("job_api", "SELECT column_name FROM information_schema.columns "
                                   "WHERE table_name = 'training_jobs' AND is_generated = 'NEVER'")
    return [row["column_name"] for row in rows]


def percentile(values: list[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(len(ordered) * percent / 100))]


if __name__ == "__main__":
    main()
