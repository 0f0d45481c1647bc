"""`python -m benchmarks.web_page [--jobs N] [--points N] [--seconds S] [--json PATH]`.

A stack of its own, empty at first: the first run is walked in a browser. Then its job gets a million points of loss and
10,000 copies, every page is opened, and a job that trains is watched. Where this is asked for beside other work, the
load of the machine stands in the output: compare figures of one run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

from benchmarks.web_page.first_run import first_run
from benchmarks.web_page.installation import Installation, installation
from benchmarks.web_page.live import cost_of_watching, lateness
from benchmarks.web_page.loading import Loaded, every_page
from benchmarks.web_page.window import browser
from tests.browser.screenshots import best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=60.0, help="of watching")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="brightrun-bench-", ignore_cleanup_errors=True) as folder:
        system = installation(Path(folder))
        system.up()
        try:
            figures = asyncio.run(_measured(system, options))
        finally:
            system.down()
    for name, value in figures.items():
        print(f"{name:28} {value:10.2f}")
    if options.json:
        options.json.write_text(json.dumps(figures))


async def _measured(system: Installation, options: argparse.Namespace) -> dict[str, Any]:
    async with browser() as found:
        took, job_id = await first_run(found, system.page, system.key)
        _say(f"first run: {took:.0f} s")
        shown = await asyncio.to_thread(_fill, system, job_id, options)
        pages = await every_page(found, system.page, system.key, shown)
        _say(f"{options.jobs:,} jobs, {options.points:,} points\n" + _table(pages))
        return {"first_run_s": took, **_worst(pages), **await _watched(system, found, job_id, options)}


def _fill(system: Installation, job_id: str, options: argparse.Namespace) -> dict[str, str]:
    """What stands in the pages' addresses."""
    system.points(job_id, options.points)
    system.multiply(job_id, options.jobs)
    with system.client() as client:
        return best(client.jobs(limit=10).data)


async def _watched(system: Installation, found: Any, job_id: str, options: argparse.Namespace) -> dict[str, float]:
    job, workspace = await asyncio.to_thread(_training, system, job_id)
    late = await lateness(system, found, job, workspace, options.seconds)
    _say(f"live: {late}")
    cost = await cost_of_watching(system, found, job, workspace, 10_000, options.seconds)
    _say(f"an open page of a training job, % of a core: {cost}")
    return {"live_p50_s": late.p50, "live_p95_s": late.p95, "live_longest_s": late.longest,
            "watching_percent": cost["dashboard"] + cost["job_api"],
            "watching_with_metrics_percent": sum(cost.values())}


def _training(system: Installation, job_id: str) -> tuple[str, UUID]:
    [row] = system.query("job_api", f"SELECT workspace_id FROM training_jobs WHERE id = '{job_id}'")
    return system.training_copy(job_id), row["workspace_id"]


def _worst(pages: list[Loaded]) -> dict[str, float]:
    """Of the page that is slowest and the one that is heaviest."""
    return {"page_median_ms": max(page.median_ms for page in pages),
            "page_worst_ms": max(page.worst_ms for page in pages),
            "page_first_ms": max(page.first_ms for page in pages), "page_kb": max(page.kilobytes for page in pages)}


def _table(pages: list[Loaded]) -> str:
    head = "| page | kB | first, nothing kept (ms) | median (ms) | worst (ms) |\n| --- | --- | --- | --- | --- |\n"
    return head + "\n".join(f"| {page.name} | {page.kilobytes:.0f} | {page.first_ms:.0f} | {page.median_ms:.0f} | "
                            f"{page.worst_ms:.0f} |" for page in pages)


def _say(text: str) -> None:
    print(f"{text}\n(load of the machine: {os.getloadavg()[0]:.1f})\n", flush=True)


if __name__ == "__main__":
    main()
