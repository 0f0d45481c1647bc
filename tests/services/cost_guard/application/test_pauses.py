"""Money of a job that is paused, resumed or moved to another tier: requests and events come in any order."""

from itertools import permutations

import pytest

from contracts import events
from contracts.gpus import PricingTier
from contracts.identifiers import uuid7
from contracts.rpc.costs import ESTIMATE, RELEASE, RESERVE
from services.cost_guard.domain.estimate import workload
from tests.services.cost_guard.application.test_reservations import price, reserved, set_budget
from tests.services.cost_guard.examples import NOON, SPOT_RATE, estimate_request, hours


async def started(guard, job) -> int:
    """Its reservation."""
    mine = uuid7()
    reply = await guard.request(RESERVE, job.reserve(mine))
    await guard.deliver(job.start_requested(mine))
    return reply.reserved_micro_usd


async def ask(guard, job, name, **choice):
    """For what remains: half of the epochs."""
    request = job.reserve(name, **choice)
    rest = request.estimate.model_copy(update={"done_epochs": 1.5})
    return await guard.request(RESERVE, request.model_copy(update={"resumes": True, "estimate": rest}))


def pause(job, run=1) -> events.JobPauseRequested:
    return events.JobPauseRequested(**job.ids, run=run, requested_by="ada")


def resumed(job, name, run=2, expected=400_000) -> events.JobStartRequested:
    return job.start_requested(name, expected).model_copy(update={"run": run})


async def test_a_pause_frees_what_was_not_used(in_process, job) -> None:
    assert await started(in_process, job) > 0
    await in_process.deliver(job.running(NOON))
    in_process.clock.advance(1800)
    await in_process.deliver(pause(job))
    assert await reserved(in_process, job) == 0


async def test_a_resume_reserves_what_remains_beside_what_was_spent(in_process, job) -> None:
    whole = await started(in_process, job)
    await in_process.deliver(job.running(in_process.clock.now()))
    in_process.clock.advance(1800)
    await in_process.deliver(job.terminated(in_process.clock.now() - hours(0.5), in_process.clock.now()))
    await in_process.deliver(pause(job))
    name = uuid7()
    reply = await ask(in_process, job, name)
    assert reply.accepted
    assert 0 < reply.reserved_micro_usd < whole
    assert await reserved(in_process, job) == reply.reserved_micro_usd
    assert await ask(in_process, job, name) == reply  # asked again
    await in_process.deliver(resumed(job, name))
    assert await reserved(in_process, job) == reply.reserved_micro_usd
    newest = (await in_process.published(events.CostUpdated, job.job_id))[-1]
    assert newest.cost_micro_usd == SPOT_RATE // 2


async def test_a_resume_that_the_budget_refuses_holds_nothing(in_process, job) -> None:
    await started(in_process, job)
    await in_process.deliver(pause(job))
    await set_budget(in_process, job, 1)
    assert not (await ask(in_process, job, uuid7())).accepted
    assert await reserved(in_process, job) == 0


async def test_a_dearer_tier_is_checked_and_a_refusal_leaves_the_running_job_what_it_holds(in_process, job) -> None:
    held = await started(in_process, job)
    await set_budget(in_process, job, held)
    one = job.reserve(None, tier=PricingTier.ON_DEMAND).estimate
    dearer = (await in_process.request(ESTIMATE, one)).cost_micro_usd.high
    assert dearer > held
    request = job.reserve(uuid7(), tier=PricingTier.ON_DEMAND).model_copy(update={"resumes": True})
    assert not (await in_process.request(RESERVE, request)).accepted
    assert await reserved(in_process, job) == held
    await set_budget(in_process, job, dearer)
    assert (await in_process.request(RESERVE, request)).accepted
    assert await reserved(in_process, job) == dearer


async def test_a_change_that_was_given_up_goes_back_to_what_the_job_held(in_process, job) -> None:
    held, name = await started(in_process, job), uuid7()
    await ask(in_process, job, name, tier=PricingTier.ON_DEMAND)
    assert (await in_process.request(RELEASE, job.release(name))).released
    assert await reserved(in_process, job) == held
    late = await ask(in_process, job, name, tier=PricingTier.ON_DEMAND)  # the request comes after its release
    assert not late.accepted
    assert await reserved(in_process, job) == held


async def test_a_release_that_overtakes_its_request_leaves_nothing_reserved(in_process, job) -> None:
    held, name = await started(in_process, job), uuid7()
    assert not (await in_process.request(RELEASE, job.release(name))).released
    assert not (await ask(in_process, job, name)).accepted
    assert await reserved(in_process, job) == held


@pytest.mark.parametrize("order", list(permutations(["start", "pause", "resume"])))
async def test_starts_and_pauses_in_any_order_hold_what_was_said_last(in_process, job, order) -> None:
    first, second = uuid7(), uuid7()
    await in_process.request(RESERVE, job.reserve(first))
    said = {"start": job.start_requested(first), "pause": pause(job), "resume": resumed(job, second)}
    for word in order:
        await in_process.deliver(said[word])
    assert await reserved(in_process, job) == 400_000
    await in_process.deliver(pause(job, run=2))
    assert await reserved(in_process, job) == 0


async def test_a_pause_of_a_resume_that_had_not_had_its_turn_frees_its_money(in_process, job) -> None:
    await started(in_process, job)
    await in_process.deliver(pause(job))
    name = uuid7()
    await ask(in_process, job, name)
    assert await reserved(in_process, job) > 0
    await in_process.deliver(pause(job).model_copy(update={"reservation_id": name}))
    assert await reserved(in_process, job) == 0
    assert not (await ask(in_process, job, name)).accepted


async def test_a_pause_that_overtakes_its_start_frees_the_start(in_process, job) -> None:
    mine = uuid7()
    await in_process.request(RESERVE, job.reserve(mine))
    await in_process.deliver(pause(job))
    await in_process.deliver(job.start_requested(mine))
    assert await reserved(in_process, job) == 0


async def test_an_estimate_of_what_remains_costs_less_and_nothing_is_left_after_the_last_epoch(in_process, job) -> None:
    request = estimate_request(job.workspace_id)
    rest = request.model_copy(update={"done_epochs": 2.0})
    assert (await in_process.request(ESTIMATE, rest)).cost_micro_usd.high < await price(in_process, job)
    half = workload(request.hyperparameters, 100, 10_000, 1.5)
    whole = workload(request.hyperparameters, 100, 10_000)
    assert (half.training_tokens, half.steps) == (whole.training_tokens // 2, whole.steps // 2)
    assert workload(request.hyperparameters, 100, 10_000, 3.0).training_tokens == 0


async def test_the_final_cost_says_how_the_job_ended(in_process, job) -> None:
    await started(in_process, job)
    await in_process.deliver(job.cancelled(NOON))
    newest = (await in_process.published(events.CostUpdated, job.job_id))[-1]
    assert (newest.final, newest.outcome) == (True, "cancelled")
