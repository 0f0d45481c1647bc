"""A small fleet, every other machine of which is lost: the benchmark runs, and nothing is lost or left over."""

from __future__ import annotations

import pytest

from benchmarks.fleet.fleet import Plan, run_fleet
from benchmarks.fleet.pace import Pace
from benchmarks.fleet.report import table


@pytest.mark.slow
async def test_every_job_completes_whatever_is_taken_away() -> None:
    plan = Plan(jobs=8, at_once=8, loss_per_hour=0.95, deadline_s=200.0, processes=1, pace=Pace(scale=60.0, steps=40))
    run = await run_fleet(plan)
    print(table([run]))
    assert run["completed_share"] == 1.0, run["failures"]
    assert run["machines_lost"] > 0
    assert run["steps_wrong"] == 0, run["wrong_examples"]
    assert run["pods_leaked"] == 0
    assert run["dead_letters"] == 0
    assert run["machines_unbilled"] == 0, run["differences"]
