"""python -m benchmarks.fleet [--jobs N] [--at-once N] [--loss-per-hour P ...] [--scale S] [--seed N] [--json PATH]

200 jobs on spot machines of which 10, 20 and 30 % are lost in an hour, with the provider's faults on; then 100 jobs
that start at once on machines that stay, for the lag of events.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.fleet.fleet import Plan, run_fleet
from benchmarks.fleet.pace import Pace
from benchmarks.fleet.report import table

LOSSES = (0.1, 0.2, 0.3)
_CROWD_STEPS = 90


def main() -> None:
    options = _options()
    plans = [_plan(options, loss) for loss in options.loss_per_hour]
    plans += [_crowd(options)] if options.crowd else []
    runs: list[dict[str, Any]] = []
    for plan in plans:
        print(f"{plan.jobs} jobs, {plan.at_once} at a time, {plan.loss_per_hour:.0%} of spot machines lost an hour",
              flush=True)
        runs.append(asyncio.run(run_fleet(plan)))
        print(table(runs), flush=True)
        if options.json:  # after each: what was measured is not lost with what follows
            options.json.write_text(json.dumps(_flat(runs) | {"fleet_runs": runs}, indent=2))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=100)
    parser.add_argument("--loss-per-hour", type=float, nargs="*", default=LOSSES)
    parser.add_argument("--crowd", type=int, default=100, help="jobs of the run without losses; 0: none")
    parser.add_argument("--scale", type=float, default=Pace.scale, help="simulated seconds in a real one")
    parser.add_argument("--steps", type=int, default=Pace.steps, help=f"of {Pace.step_s:.0f} simulated seconds each")
    parser.add_argument("--tier", choices=("auto", "spot", "on_demand"), default="auto")
    parser.add_argument("--no-faults", action="store_true", help="a provider that never fails")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--deadline", type=float, default=900.0, help="real seconds for each fleet")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _plan(options: argparse.Namespace, loss: float) -> Plan:
    pace = replace(Pace(), scale=options.scale, steps=options.steps)
    return Plan(options.jobs, options.at_once, loss, options.tier, not options.no_faults, options.seed,
                deadline_s=options.deadline, pace=pace)


def _crowd(options: argparse.Namespace) -> Plan:
    plan = _plan(options, 0.0)
    pace = replace(plan.pace, steps=min(_CROWD_STEPS, plan.pace.steps))
    return replace(plan, jobs=options.crowd, at_once=options.crowd, faults=False, pace=pace)


def _flat(runs: list[dict[str, Any]]) -> dict[str, float]:
    """The worst of all runs, for the table of all benchmarks."""
    return {
        "fleet_completed_percent": 100 * min(run["completed_share"] for run in runs),
        "fleet_recovery_p95_min": max(run["recovery_p95_min"] for run in runs),
        "fleet_steps_wrong": sum(run["steps_wrong"] for run in runs),
        "fleet_pods_leaked": sum(run["pods_leaked"] for run in runs),
        "fleet_event_lag_p99_s": runs[-1]["event_lag_p99_s"],
    }


if __name__ == "__main__":
    main()
