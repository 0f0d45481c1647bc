"""The analytics of a workspace with 10,000 ended jobs: `python -m benchmarks.analytics [--json PATH]`.

Over real HTTP to a running stack, one request after the other: all jobs added up, the rates of lost machines (12,500
machines), and all jobs as CSV.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.job_api import columns_of
from brightrun.client import Client
from tests.system.stack_under_test import SAMPLE, StackUnderTest

JOBS, REPEATS = 10_000, 15
# What the copies have otherwise: three presets, a fifth failed, seven people, eleven clients, two years.
_OTHERWISE = {
    "id": "gen_random_uuid()", "name": "'copy ' || n", "created_at": "now() - n * interval '100 minutes'",
    "completed_at": "now() - n * interval '100 minutes'", "created_by": "'person ' || n % 7",
    "client": "'client ' || n % 11", "preset": "(ARRAY['conservative', 'balanced', 'aggressive'])[1 + n % 3]",
    "status": "CASE WHEN n % 5 = 0 THEN 'failed' ELSE 'completed' END",
    "error_type": "CASE WHEN n % 5 = 0 THEN 'out_of_memory' END",
    "error_code": "CASE WHEN n % 5 = 0 THEN 'gpu_out_of_memory' END", "actual_cost_micro_usd": "1000000 + n",
    "duration_s": "600 + n % 3000", "attempt": "1 + (n % 4 = 0)::int", "checkpoint_recovery_count": "(n % 4 = 0)::int",
    "validation": "jsonb_build_object('verdict', 'proven', 'perplexity_improvement_pct', n % 30)",
}
_MACHINES = """
    INSERT INTO job_events (job_id, seq, workspace_id, event_id, type, source, level, message, attempt, payload,
                            occurred_at)
    SELECT id, 1000 + 2 * number + lost::int, workspace_id, gen_random_uuid(),
           CASE WHEN lost THEN 'pod.interrupted' ELSE 'pod.running' END, 'bench', 'info', '', number,
           jsonb_build_object('pricing_tier', 'spot'), completed_at
    FROM training_jobs, generate_series(1, attempt) AS number, unnest(ARRAY[false, true]) AS lost
    WHERE training_jobs.completed_at IS NOT NULL AND (NOT lost OR number < attempt)"""


def main() -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        system = StackUnderTest(Path(folder) / ".data")
        system.up()
        try:
            figures = _measure(system)
        finally:
            system.down()
    for name, value in figures.items():
        print(f"{name:36} {value:10.1f}")
    if options.json:
        options.json.write_text(json.dumps(figures))
    return figures


def _measure(system: StackUnderTest) -> dict[str, float]:
    with system.client() as client:
        client.create_job(client.upload(SAMPLE).id, preset="balanced", name="model")
        _fill(system)
        assert client.analytics()["totals"]["ended"] == JOBS
        spot = client.interruption_rates()["data"][0]
        assert (spot["machines"], spot["interrupted"]) == (12_500, 2_500)
        return _timed(client)


def _timed(client: Client) -> dict[str, float]:
    asked: dict[str, Callable[[], Any]] = {
        "analytics": client.analytics, "interruption_rates": client.interruption_rates,
        "analytics_csv": lambda: client.analytics_csv("jobs")}
    figures = {}
    for name, ask in asked.items():
        times = [_milliseconds(ask) for _ in range(REPEATS)]
        figures |= {f"{name}_median_ms": median(times), f"{name}_longest_ms": max(times)}
    return figures


def _milliseconds(ask: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    ask()
    return (time.perf_counter() - begin) * 1000


def _fill(system: StackUnderTest) -> None:
    """Copies of the job that the API made, as years would leave them; and their machines."""
    kept = [name for name in columns_of(system) if name not in _OTHERWISE]
    system.query("job_api", f"""
        INSERT INTO training_jobs ({", ".join([*_OTHERWISE, *kept])})
        SELECT {", ".join([*_OTHERWISE.values(), *kept])}
        FROM (SELECT {", ".join(kept)} FROM training_jobs LIMIT 1) AS model, generate_series(1, {JOBS}) AS n""")
    system.query("job_api", _MACHINES)
    system.query("job_api", "ANALYZE training_jobs, job_events")


if __name__ == "__main__":
    main()
