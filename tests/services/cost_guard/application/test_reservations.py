"""Money of a start: a reservation has the name of its try, and requests and events come in any order."""

import asyncio

import pytest

from contracts.identifiers import uuid7
from contracts.rpc.costs import BUDGET, ESTIMATE, RELEASE, RESERVE, SET_BUDGET, BudgetQuery, SetBudget
from tests.services.cost_guard.examples import NOON, Job, estimate_request, hours
from tests.services.cost_guard.statements import statements


async def reserve(guard, job, reservation_id=None):
    return await guard.request(RESERVE, job.reserve(reservation_id))


async def release(guard, job, reservation_id=None) -> bool:
    return (await guard.request(RELEASE, job.release(reservation_id))).released


async def reserved(guard, job) -> int:
    return (await guard.request(BUDGET, BudgetQuery(workspace_id=job.workspace_id))).reserved_micro_usd


async def price(guard, job) -> int:
    return (await guard.request(ESTIMATE, estimate_request(job.workspace_id))).cost_micro_usd.high


async def set_budget(guard, job, micro_usd) -> None:
    await guard.request(
        SET_BUDGET, SetBudget(workspace_id=job.workspace_id, limit_micro_usd=micro_usd, changed_by="owner")
    )


async def test_a_try_that_asks_again_gets_the_same_answer(in_process, job) -> None:
    mine = uuid7()
    first = await reserve(in_process, job, mine)
    assert first.accepted
    assert first.reservation_id == mine
    assert await reserve(in_process, job, mine) == first
    assert await reserved(in_process, job) == first.reserved_micro_usd


async def test_another_try_replaces_the_earlier_one_and_money_is_counted_once(in_process, job) -> None:
    one = await price(in_process, job)
    await set_budget(in_process, job, one + one // 2)  # enough for one, not for two
    earlier, later = uuid7(), uuid7()
    assert (await reserve(in_process, job, earlier)).accepted
    reply = await reserve(in_process, job, later)
    assert (reply.accepted, reply.reservation_id) == (True, later)
    assert await reserved(in_process, job) == one


async def test_only_who_knows_the_id_releases(in_process, job) -> None:
    mine = uuid7()
    await reserve(in_process, job, mine)
    assert not await release(in_process, job, uuid7())
    assert not await release(in_process, Job(job_id=job.job_id), mine)
    assert await reserved(in_process, job) > 0
    assert await release(in_process, job, mine)
    assert await reserved(in_process, job) == 0
    assert not await release(in_process, job, mine)


async def test_a_replaced_try_cannot_release_its_successor(in_process, job) -> None:
    earlier, later = uuid7(), uuid7()
    await reserve(in_process, job, earlier)
    await reserve(in_process, job, later)
    assert not await release(in_process, job, earlier)
    assert await reserved(in_process, job) > 0


@pytest.mark.parametrize("by_id", [True, False])
async def test_nobody_releases_the_money_of_a_job_that_started(in_process, job, by_id) -> None:
    mine = uuid7()
    await reserve(in_process, job, mine)
    await in_process.deliver(job.start_requested(mine))
    assert not await release(in_process, job, mine if by_id else None)
    assert await reserved(in_process, job) > 0


@pytest.mark.parametrize("heard", ["requested", "running"])
async def test_a_machine_tells_that_its_job_started(in_process, job, heard) -> None:
    """The event of the start may come after those of its machine."""
    mine = uuid7()
    await reserve(in_process, job, mine)
    await in_process.deliver(job.requested() if heard == "requested" else job.running(NOON))
    assert not await release(in_process, job, mine)
    assert await reserved(in_process, job) > 0


async def test_a_late_second_start_of_a_running_job_is_refused_and_changes_nothing(in_process, job) -> None:
    mine = uuid7()
    first = await reserve(in_process, job, mine)
    await in_process.deliver(job.start_requested(mine))
    second = await reserve(in_process, job, uuid7())
    assert not second.accepted
    assert "already started" in second.refusal
    assert await reserved(in_process, job) == first.reserved_micro_usd
    assert (await reserve(in_process, job, mine)).accepted  # its own try, asked again


@pytest.mark.parametrize("ended", ["completed", "failed", "cancelled"])
@pytest.mark.parametrize("by_id", [True, False])
async def test_a_job_that_ended_gets_no_money(in_process, job, ended, by_id) -> None:
    mine = uuid7()
    await reserve(in_process, job, mine)
    await in_process.deliver(getattr(job, ended)(NOON))
    reply = await reserve(in_process, job, uuid7() if by_id else None)
    assert not reply.accepted
    assert "ended" in reply.refusal
    assert not await release(in_process, job, mine)
    assert await reserved(in_process, job) == 0


async def test_a_request_that_arrives_after_the_job_was_deleted_reserves_nothing(in_process, job) -> None:
    await in_process.deliver(job.deleted())
    assert not (await reserve(in_process, job, uuid7())).accepted
    assert await reserved(in_process, job) == 0


async def test_a_deleted_job_frees_its_money(in_process, job) -> None:
    await reserve(in_process, job, uuid7())
    await in_process.deliver(job.deleted())
    assert await reserved(in_process, job) == 0


async def test_a_request_that_arrives_after_its_own_release_reserves_nothing(in_process, job) -> None:
    """The caller had no answer, gave up and released; only then was its request taken up."""
    slow = uuid7()
    assert not await release(in_process, job, slow)
    reply = await reserve(in_process, job, slow)
    assert not reply.accepted
    assert "given up" in reply.refusal
    assert await reserved(in_process, job) == 0
    assert (await reserve(in_process, job, uuid7())).accepted


async def test_a_request_that_arrives_after_it_was_replaced_does_not_displace_the_newer_try(in_process, job) -> None:
    slow, newer = uuid7(), uuid7()
    await reserve(in_process, job, slow)
    await reserve(in_process, job, newer)
    assert not (await reserve(in_process, job, slow)).accepted
    assert await release(in_process, job, newer)
    assert await reserved(in_process, job) == 0


async def test_a_refused_try_leaves_nothing_of_the_earlier_one(in_process, job) -> None:
    """Whoever tries anew has given the earlier try up; nobody would release it any more."""
    await reserve(in_process, job, uuid7())
    await set_budget(in_process, job, 1000)
    assert not (await reserve(in_process, job, uuid7())).accepted
    assert await reserved(in_process, job) == 0


async def test_the_start_of_a_replaced_try_keeps_the_jobs_money(in_process, job) -> None:
    """Two starts at once: the second asked before the event of the first was heard, and found the job queued."""
    first, second = uuid7(), uuid7()
    await reserve(in_process, job, first)
    amount = (await reserve(in_process, job, second)).reserved_micro_usd
    await in_process.deliver(job.start_requested(first))
    assert not await release(in_process, job, second)
    assert await reserved(in_process, job) == amount
    assert (await reserve(in_process, job, first)).accepted


async def test_a_start_whose_money_was_released_reserves_it_again(in_process, job) -> None:
    """The job runs, so its money is counted, whatever was released before the event of its start came."""
    first, second = uuid7(), uuid7()
    amount = (await reserve(in_process, job, first)).reserved_micro_usd
    await reserve(in_process, job, second)
    assert await release(in_process, job, second)
    await in_process.deliver(job.start_requested(first))
    assert await reserved(in_process, job) == amount


async def test_a_start_that_nobody_reserved_for_holds_what_it_was_estimated_at(in_process, job) -> None:
    """After a restore the reservation may be missing: the event carries the figure."""
    await in_process.deliver(job.start_requested(uuid7(), expected_cost=7_000_000))
    assert await reserved(in_process, job) == 7_000_000


async def test_a_start_that_is_heard_of_after_the_end_reserves_nothing(in_process, job) -> None:
    mine = uuid7()
    await reserve(in_process, job, mine)
    await in_process.deliver(job.cancelled(NOON))
    await in_process.deliver(job.start_requested(mine))
    assert await reserved(in_process, job) == 0


async def test_what_was_spent_leaves_the_reservation(in_process, job, clock) -> None:
    amount = (await reserve(in_process, job, uuid7())).reserved_micro_usd
    await in_process.deliver(job.running(NOON))
    clock.advance(3600)
    assert await reserved(in_process, job) == amount - 2_490_000
    await in_process.deliver(job.terminated(NOON, NOON + hours(1)))
    assert await reserved(in_process, job) == amount - 2_490_000
    clock.advance(30 * 24 * 3600)
    assert await reserved(in_process, job) == amount - 2_490_000


async def test_a_caller_without_an_id_is_served_as_before(in_process, job) -> None:
    first = await reserve(in_process, job)
    assert first.accepted
    assert (await reserve(in_process, job)).reservation_id == first.reservation_id
    assert await release(in_process, job)
    assert await reserved(in_process, job) == 0
    assert not await release(in_process, job)


async def test_tries_at_once_leave_one_reservation(in_process, job) -> None:
    ids = [uuid7() for _ in range(8)]
    replies = await asyncio.gather(*(reserve(in_process, job, one) for one in ids))
    assert await reserved(in_process, job) == max(reply.reserved_micro_usd for reply in replies)
    assert sum([await release(in_process, job, one) for one in ids]) == 1
    assert await reserved(in_process, job) == 0


async def test_a_job_of_another_workspace_is_not_reserved_for(in_process, job) -> None:
    await reserve(in_process, job, uuid7())
    stranger = Job(job_id=job.job_id)
    assert not (await reserve(in_process, stranger, uuid7())).accepted
    assert await reserved(in_process, stranger) == 0
    assert await reserved(in_process, job) > 0


@pytest.mark.parametrize("running", [1, 30])
async def test_the_budgets_lock_is_held_for_five_statements_however_many_jobs_run(in_process, running) -> None:
    """Everybody of the workspace waits for it: prices and experience are looked up before."""
    job = Job()
    for _ in range(running):
        await in_process.deliver(Job(workspace_id=job.workspace_id).running(NOON))
    with statements(in_process.database) as asked:
        assert (await reserve(in_process, job, uuid7())).accepted
    lock = next(index for index, one in enumerate(asked) if "FOR UPDATE OF budgets" in one)
    locked = asked[lock + 1 :]
    assert len(locked) <= 5
    assert not any(one.startswith(("SELECT DISTINCT ON", "SELECT jobs.log_error")) for one in locked)
