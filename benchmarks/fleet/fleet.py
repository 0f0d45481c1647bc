"""One fleet: the stack, the provider, the trainers and the customers, until every job has ended; then the verdict."""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.fleet import judge
from benchmarks.fleet.customers import Customers
from benchmarks.fleet.market import Market, chances, fleet_options, stock
from benchmarks.fleet.pace import ON_DEMAND_USD, Pace, service_settings
from benchmarks.fleet.pool import Pool
from chassis.cancellation import cancel_and_wait
from tests.fake_runpod.catalog import SXM
from tests.fake_runpod.server import FakeRunPod, Listener
from tests.system.stack_under_test import StackUnderTest

_BID_MARGIN = 1.1
_SETTLE_S = 90.0


@dataclass(frozen=True)
class Plan:
    """`loss_per_hour` of spot machines; `faults` of the provider on or off; it gives up after `deadline_s`."""

    jobs: int = 200
    at_once: int = 100
    loss_per_hour: float = 0.2
    tier: str = "auto"
    faults: bool = True
    seed: int = 1
    processes: int = 2
    deadline_s: float = 900.0
    pace: Pace = field(default_factory=Pace)


async def run_fleet(plan: Plan) -> dict[str, Any]:
    """Ends by itself: jobs that go on after the deadline count as not completed."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="brightrun-fleet-")))
        pool = await stack.enter_async_context(Pool(plan.pace, plan.processes, folder / "trainers.log"))
        listener = await stack.enter_async_context(Listener().running())
        runpod = FakeRunPod(fleet_options(folder / "machines", plan.pace, pool))
        await stack.enter_async_context(runpod.behind(listener))
        stock(runpod.account, plan.pace.scale, 2 * plan.at_once)
        system = StackUnderTest(folder / ".data")
        system.environment |= service_settings(plan.pace, runpod.url, runpod.account.options.api_key)
        await asyncio.to_thread(system.up)
        try:
            return await _run(plan, system, runpod, pool)
        finally:
            await asyncio.to_thread(system.down)


async def _run(plan: Plan, system: StackUnderTest, runpod: FakeRunPod, pool: Pool) -> dict[str, Any]:
    account, customers = runpod.account, Customers(system)
    spot_usd = (account.gpus[SXM].spot_usd or 0.0) * _BID_MARGIN
    await asyncio.to_thread(customers.prepare, spot_usd, account.gpus[SXM].secure_usd)
    market = Market(account, plan.pace, plan.loss_per_hour, plan.seed)
    if plan.faults:
        account.faults.chances = chances(plan.seed)
    troubles = [asyncio.create_task(market.take_machines())]
    troubles += [asyncio.create_task(market.sell_out())] if plan.faults else []
    began = time.monotonic()
    try:
        await customers.run(plan.jobs, plan.at_once, plan.tier, plan.deadline_s)
    except TimeoutError:
        print(f"  not every job has ended after {plan.deadline_s:.0f} s", flush=True)
    finally:
        await cancel_and_wait(*troubles)
    took_s = time.monotonic() - began
    await _settle(system, runpod)
    figures = await asyncio.to_thread(_figures, plan, system, runpod, pool, market)
    return figures | {"wall_s": round(took_s, 1)}


async def _settle(system: StackUnderTest, runpod: FakeRunPod) -> None:
    """Until no machine exists and every cost is final."""
    deadline = time.monotonic() + _SETTLE_S
    open_costs = "SELECT count(*) AS n FROM training_jobs WHERE NOT cost_final"
    while time.monotonic() < deadline:
        rows = await asyncio.to_thread(system.query, "job_api", open_costs)
        if rows[0]["n"] == 0 and judge.leaked(runpod.account) == 0:
            return
        await asyncio.sleep(1.0)
    print(f"  not settled: {rows[0]['n']} costs not final, {judge.leaked(runpod.account)} machines exist", flush=True)


def _figures(
    plan: Plan, system: StackUnderTest, runpod: FakeRunPod, pool: Pool, market: Market
) -> dict[str, Any]:
    account, pace = runpod.account, plan.pace
    ids = {row["id"]: row for row in system.query(
        "job_api", "SELECT id::text AS id, status, error_message FROM training_jobs")}
    completed = [job_id for job_id, row in ids.items() if row["status"] == "completed"]
    steps = judge.judge_steps(system, completed, pool.deeds, pace)
    money = judge.judge_money(system, account, len(completed), pace, ON_DEMAND_USD)
    recoveries = judge.recovery_times(market.losses, pool.deeds, pace)
    slowest = sorted(judge.event_lags(system, pool.deeds), key=lambda lag: -lag.seconds)
    lags = [lag.seconds for lag in slowest]
    bills = judge.compare_bills(system, account)
    with system.client() as client:
        dead_letters = client.dead_letters().data
    return {
        "jobs": plan.jobs, "at_once": plan.at_once, "loss_per_hour": plan.loss_per_hour, "scale": pace.scale,
        "completed_share": len(completed) / plan.jobs, "attempts": len(pool.deeds), "machines": len(account.pods),
        "machines_lost": len(market.losses), "dead_machines": sum(pod.dead for pod in account.pods.values()),
        "recoveries": len(recoveries), "recovery_median_min": judge.percentile(recoveries, 50) / 60,
        "recovery_p95_min": judge.percentile(recoveries, 95) / 60,
        "recovery_max_min": max(recoveries, default=0.0) / 60,
        "steps": steps.expected, "steps_wrong": steps.wrong, "steps_redone": steps.redone,
        "wrong_examples": steps.examples,
        "pods_leaked": judge.leaked(account),
        "pods_reaped": judge.counter(system, "provisioner", "provisioner_leaked_pods_total"),
        "usd_provider": money.provider, "usd_billed": money.billed, "usd_on_demand": money.on_demand,
        "bill_largest_difference_s": max((abs(one.seconds) for one in bills), default=0.0),
        "machines_unbilled": sum(one.provider > 0 and one.ours == 0 for one in bills),
        "event_lag_median_s": judge.percentile(lags, 50), "event_lag_p99_s": judge.percentile(lags, 99),
        "event_lag_max_s": max(lags, default=0.0), "events": len(lags),
        "slowest_events": [f"{lag.seconds:.2f} s {lag.consumer} {lag.kind}" for lag in slowest[:8]],
        "dead_letters": len(dead_letters),
        "failures": [f"{row['status']}: {row['error_message']}" for row in ids.values()
                     if row["status"] != "completed"][:5],
        "differences": [vars(one) for one in sorted(bills, key=lambda one: -abs(one.seconds))[:8]],
    }


