"""Money of all workspaces together, as Prometheus is told."""

from dataclasses import replace

from prometheus_client import REGISTRY

from contracts.identifiers import uuid7
from contracts.money import MICRO_USD_PER_USD
from contracts.rpc.costs import RESERVE
from services.cost_guard.application.workers.figures import show_money
from tests.services.cost_guard.examples import NOON, SPOT_RATE, hours


def dollars(name: str) -> float:
    found = REGISTRY.get_sample_value(f"brightrun_{name}")
    assert found is not None
    return found


async def test_spend_budget_and_burn_rate(in_process, job, clock) -> None:
    other = replace(job, job_id=uuid7(), workspace_id=uuid7())
    for one in (job, other):
        await in_process.request(RESERVE, one.reserve(uuid7()))
        await in_process.deliver(one.running(NOON))
    clock.advance(3600)
    await show_money(in_process.database, clock)
    rate = SPOT_RATE / MICRO_USD_PER_USD
    assert dollars("burn_usd_per_hour") == 2 * rate
    assert dollars("month_spend_usd") == 2 * rate * (clock.now() - NOON) / hours(1)
    assert dollars("month_budget_usd") == 2 * in_process.settings.default_budget_micro_usd / MICRO_USD_PER_USD
    assert 0 < dollars("budget_used_ratio") < 1
    assert dollars("workspaces_over_budget") == 0
    assert dollars("reserved_usd") > 0
