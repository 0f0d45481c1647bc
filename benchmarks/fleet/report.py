"""The figures of a fleet as a Markdown table, one column for each run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Run = dict[str, Any]

_ROWS: tuple[tuple[str, Callable[[Run], str]], ...] = (
    ("spot machines lost in an hour", lambda run: f"{run['loss_per_hour']:.0%}"),
    ("jobs, at a time", lambda run: f"{run['jobs']}, {run['at_once']}"),
    ("completed", lambda run: f"{run['completed_share']:.1%}"),
    ("machines, of them lost, dead from the start",
     lambda run: f"{run['machines']}, {run['machines_lost']}, {run['dead_machines']}"),
    ("recovery, median / p95 / longest (simulated minutes)",
     lambda run: f"{run['recovery_median_min']:.1f} / {run['recovery_p95_min']:.1f} / {run['recovery_max_min']:.1f}"),
    ("steps lost or doubled", lambda run: f"{run['steps_wrong']} of {run['steps']:,}"),
    ("steps computed again", lambda run: f"{run['steps_redone']:,} ({run['steps_redone'] / max(1, run['steps']):.1%})"),
    ("machines left over", lambda run: str(run["pods_leaked"])),
    ("machines without a job, found and ended", lambda run: f"{run['pods_reaped']:.0f}"),
    ("billed here / by the provider (USD)", lambda run: f"{run['usd_billed']:.2f} / {run['usd_provider']:.2f}"),
    ("difference", lambda run: f"{_share(run):+.2%}"),
    ("machines without a bill; largest difference of one, in real seconds (the provider tells whole ones)",
     lambda run: f"{run['machines_unbilled']}; {run['bill_largest_difference_s']:.1f}"),
    ("the same jobs on demand, never interrupted (USD)", lambda run: f"{run['usd_on_demand']:.2f}"),
    ("event to its effect in job_api, median / p99 / longest (s)",
     lambda run: f"{run['event_lag_median_s']:.2f} / {run['event_lag_p99_s']:.2f} / {run['event_lag_max_s']:.2f}"),
    ("events, dead letters", lambda run: f"{run['events']:,}, {run['dead_letters']}"),
    ("real seconds", lambda run: f"{run['wall_s']:.0f}"),
)


def table(runs: Sequence[Run]) -> str:
    lines = [f"| {name} | {' | '.join(show(run) for run in runs)} |" for name, show in _ROWS]
    return "\n".join([lines[0], "| --- |" + " --- |" * len(runs), *lines[1:]])


def _share(run: Run) -> float:
    return (run["usd_billed"] - run["usd_provider"]) / run["usd_provider"] if run["usd_provider"] else 0.0
