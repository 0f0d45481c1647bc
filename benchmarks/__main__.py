"""`make bench`, or `python -m benchmarks [NAME ...]`: every benchmark in a process of its own, then one table.

Machines are shared and their speed varies: compare figures of one run, and ratios rather than seconds.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

NAMES = ("job_api", "analytics", "hot_reads", "import_file", "durables", "metrics_ingest", "metrics_chart", "local_run",
         "trainer_overhead", "web_page")
# Only when named: `peers` installs other people's programs for a while, `fleet` takes a quarter of an hour, `gpu` wants
# a GPU (its toy does not), what `padding_free` compares with is no part of the product, and `capacity` is for planning.
ON_REQUEST = ("peers", "fleet", "padding_free", "gpu", "capacity")
# What is promised: name of the figure, the most (or least) it may be, and its unit.
TARGETS: dict[str, tuple[str, float, str]] = {
    "create_job_p99_ms": ("<=", 100.0, "ms, job creation, p99 at 50 requests/s"),
    "list_jobs_p99_ms": ("<=", 100.0, "ms, job list with 10,000 jobs, p99"),
    "job_to_bare_ratio": ("<=", 2.0, "times a bare FastAPI and asyncpg handler, one job"),
    "job_list_to_bare_ratio": ("<=", 2.0, "times a bare FastAPI and asyncpg handler, a list of 20 jobs"),
    "presets_to_bare_ratio": ("<=", 2.0, "times a bare FastAPI handler, presets"),
    "import_read_s": ("<=", 10.0, "s, import of a training file of 200 MB"),
    "beside_import_p99_ms": ("<=", 150.0, "ms, other requests during that import, p99 at 50 requests/s"),
    "points_per_second": (">=", 50_000.0, "metric points/s stored end to end, idempotent"),
    "event_to_database_p99_ms": ("<=", 1000.0, "ms, metric event to database, p99"),
    "chart_1m_points_ms": ("<=", 150.0, "ms, 1M points of one job to 2,000, server time"),
    "start_to_trainer_s": ("<=", 3.0, "s, start accepted to trainer process running"),
    "kill_to_training_s": ("<=", 20.0, "s, kill -9 of the trainer to training again"),
    "live_p95_s": ("<=", 1.0, "s, metric given to the broker to its point on the screen, p95"),
    "page_median_ms": ("<=", 1000.0, "ms, slowest page to full content with 10,000 jobs and 1M points, median"),
    "page_worst_ms": ("<=", 1000.0, "ms, the same, worst of nine"),
    "page_kb": ("<=", 300.0, "kB, heaviest page over the line, nothing kept"),
    "watching_percent": ("<=", 10.0, "% of a core, dashboard and API, for one open page of a training job"),
    "first_run_s": ("<=", 300.0, "s, the first run in a browser, first page to adapter"),
    "trainer_overhead_percent": ("<=", 5.0, "% over a bare TRL script on the same data"),
    "fleet_completed_percent": (">=", 99.0, "% of the fleet's jobs that complete"),
    "fleet_recovery_p95_min": ("<=", 10.0, "simulated minutes from a lost machine to the next step, p95"),
    "fleet_steps_wrong": ("<=", 0.0, "steps of the fleet lost or doubled"),
    "fleet_pods_leaked": ("<=", 0.0, "machines of the fleet left over"),
    "fleet_event_lag_p99_s": ("<=", 2.0, "s, event to its effect in job_api with 100 jobs at a time, p99"),
    "services_memory_mb": ("<=", 1200.0, "MB, memory of all services, idle"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=NAMES, help=f"of: {', '.join(NAMES + ON_REQUEST)}")
    figures: dict[str, Any] = {}
    for name in parser.parse_args().names:
        print(f"\n== {name}", flush=True)
        figures |= _run(name)
    _table(figures)
    return 0


def _run(name: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "figures.json"
        done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}", "--json", str(result)])
        if done.returncode != 0 or not result.exists():
            print(f"{name} ended with status {done.returncode}", file=sys.stderr)
            return {}
        return dict(json.loads(result.read_text()))


def _table(figures: dict[str, Any]) -> None:
    if not TARGETS.keys() & figures.keys():
        return
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    print(f"\n{datetime.now(UTC):%Y-%m-%d}, {machine}\n")
    print("| figure | measured | promised | held |\n| --- | --- | --- | --- |")
    for name, (relation, bound, words) in TARGETS.items():
        if name in figures:
            value = figures[name]
            held = value <= bound if relation == "<=" else value >= bound
            print(f"| {words} | {value:,.1f} | {relation} {bound:,.0f} | {'yes' if held else 'NO'} |")


if __name__ == "__main__":
    sys.exit(main())
