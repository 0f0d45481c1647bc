"""Requests, events, the meter and the reconciliation at the same moment, over the same jobs."""

import asyncio
from random import Random

import pytest

from contracts.identifiers import uuid7
from contracts.rpc.costs import BUDGET, JOB_COST, RELEASE, RESERVE, SET_BUDGET, BudgetQuery, SetBudget
from tests.money.truth import JobTruth, Span
from tests.money.world import World
from tests.services.cost_guard.examples import NOON, SPOT_RATE, Job, hours


@pytest.mark.parametrize("seed", range(4))
def test_nothing_deadlocks_and_nothing_is_left(world: World, seed: int) -> None:
    world.run(_rush(world, Random(seed)))


async def _rush(world: World, random: Random) -> None:
    await world.reset()
    workspace_id = uuid7()
    jobs = [JobTruth(Job(workspace_id=workspace_id)) for _ in range(4)]
    for truth in jobs:
        truth.tries = [uuid7() for _ in range(4)]
        truth.machines[1] = Span(NOON, NOON + hours(1))
    steps = [step for truth in jobs for step in _steps(world, truth)]
    steps += [world.meter.tick, world.meter.tick, lambda: world.reconcile([])]
    random.shuffle(steps)
    await asyncio.gather(*(step() for step in steps))
    await asyncio.gather(*(world.guard.deliver(truth.job.failed(NOON)) for truth in jobs))
    await world.reconcile([machine for truth in jobs for machine in truth.listed()])
    budget = await world.guard.request(BUDGET, BudgetQuery(workspace_id=workspace_id))
    assert (budget.spent_micro_usd, budget.reserved_micro_usd) == (4 * SPOT_RATE, 0)
    for truth in jobs:
        cost = await world.guard.request(JOB_COST, truth.job.cost_query())
        assert (cost.cost_micro_usd, cost.running) == (SPOT_RATE, False)


def _steps(world: World, truth: JobTruth) -> list:  # type: ignore[type-arg]
    job, guard = truth.job, world.guard
    limit = SetBudget(workspace_id=job.workspace_id, limit_micro_usd=30_000_000, changed_by="me")
    return [
        *(lambda one=one: guard.request(RESERVE, job.reserve(one)) for one in truth.tries),
        *(lambda one=one: guard.request(RELEASE, job.release(one)) for one in truth.tries),
        lambda: guard.request(SET_BUDGET, limit),
        lambda: guard.deliver(job.start_requested(truth.tries[0])),
        lambda: guard.deliver(job.requested()),
        lambda: guard.deliver(job.running(NOON)),
        lambda: guard.deliver(job.terminated(NOON, NOON + hours(1))),
        lambda: guard.deliver(job.completed(NOON)),
    ]
