"""Starts that wait for their turn: over real PostgreSQL, many at a time, with crashes in between."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import func, select, update

from chassis.database.engine import is_transient
from chassis.messaging.outbox import OUTBOX
from services.job_api.errors import DomainError
from services.job_api.jobs.application.places import read_queue
from services.job_api.jobs.application.queue import dispatch_all
from services.job_api.jobs.application.waiting import fail_overdue
from services.job_api.jobs.domain.queue import QueueLimits
from services.job_api.jobs.errors import MoveRefused
from services.job_api.settings import Settings
from services.job_api.tables import training_jobs
from tests.services.job_api.jobs.house import House
from tests.services.job_api.jobs.steps import Crash, Steps, crash

WAITS = Settings(database_url="x").waiting_limits


@pytest.fixture
def queue_limits() -> QueueLimits:
    return Settings(database_url="x").queue_limits


async def test_by_default_one_job_of_a_user_and_three_of_a_workspace_are_active(house: House) -> None:
    assert house.limits == QueueLimits(per_user=1, per_workspace=3)
    jobs = {user: [await house.create(start=True, by=user) for _ in range(2)] for user in ("a", "b", "c", "d")}
    assert await house.started() == [jobs["a"][0], jobs["b"][0], jobs["c"][0]]
    await house.fail(jobs["b"][0])  # the second one of `a` came first, but `a` has one
    assert (await house.started())[3:] == [jobs["b"][1]]
    await house.fail(jobs["a"][0])
    await house.fail(jobs["b"][1])
    assert (await house.started())[4:] == [jobs["a"][1], jobs["d"][0]]
    assert await house.waiting() == {jobs["c"][1], jobs["d"][1]}
    assert sorted(await house.active()) == ["a", "c", "d"]


@pytest.mark.slow
async def test_fifty_starts_at_once_never_take_more_places_than_there_are(house: House) -> None:
    """Starts, ends, promotions and cancellations side by side, as several replicas do them."""
    random, users = Random(1), ["a", "b", "c", "d", "e"]
    jobs = [await house.create(by=random.choice(users)) for _ in range(50)]
    over: list[list[str]] = []

    async def watch() -> None:
        while True:
            if not _within(active := await house.active(), house.limits):
                over.append(active)
            await asyncio.sleep(0.005)

    async def tolerant(step) -> None:  # a pool that is used up is "try again"
        while True:
            try:
                return await step()
            except DomainError:
                return None
            except Exception as error:
                if not is_transient(error):
                    raise

    watcher = asyncio.create_task(watch())
    await asyncio.gather(*(tolerant(lambda job=job: house.start(job)) for job in jobs))
    while started := [job for job in await house.started() if await house.status(job) == "queued"]:
        waiting = list(await house.waiting())
        steps = [lambda job=job: house.fail(job) for job in started]
        steps += [lambda job=job: house.promote(job) for job in random.sample(waiting, min(2, len(waiting)))]
        steps += [lambda job=job: house.cancel(job) for job in random.sample(waiting, min(1, len(waiting)))]
        steps += [lambda: dispatch_all(house.database, house.limits)] * 2
        await asyncio.gather(*(tolerant(step) for step in steps))
    watcher.cancel()
    assert over == []
    assert await house.waiting() == set()
    started = await house.started()
    assert len(started) == len(set(started))
    ends = {job: await house.status(job) for job in jobs}
    assert set(ends.values()) == {"failed", "cancelled"}
    assert {job for job, end in ends.items() if end == "failed"} <= set(started)


def _within(active: list[str], limits: QueueLimits) -> bool:
    return len(active) <= limits.per_workspace and max(Counter(active).values(), default=0) <= limits.per_user


async def test_starts_at_once_are_served_in_the_order_in_which_they_came(house: House) -> None:
    jobs = [await house.create() for _ in range(12)]
    await asyncio.gather(*(house.start(job) for job in jobs))
    queue = await read_queue(house.database, house.caller.workspace_id, house.limits)
    order = [*await house.started(), *(row["id"] for row in queue.waiting)]
    for job in order:
        await house.fail(job)
    assert await house.started() == order


async def test_money_is_held_while_a_job_waits_and_let_go_when_it_is_cancelled(house: House) -> None:
    first, second, third = [await house.create(start=True) for _ in range(3)]
    assert set(house.cost_guard.reserved) == {first, second, third}
    await house.cancel(second)
    assert await house.release() == 0
    assert await _published(house, "job.cancel_requested", second) == 0  # there is no machine to be stopped
    assert await _published(house, "job.cancelled", second) == 1  # by this cost_guard frees the money
    await house.cancel(first)
    assert await house.started() == [first, third]


async def test_a_promoted_job_is_next_and_only_a_waiting_one_can_be_promoted(house: House) -> None:
    running, second, third, fourth = [await house.create(start=True) for _ in range(4)]
    await house.promote(third)
    await house.promote(fourth)
    for job in (running, fourth, third):
        await house.fail(job)
    assert await house.started() == [running, fourth, third, second]
    for job in (running, second):
        with pytest.raises(MoveRefused):
            await house.promote(job)


async def test_limits_that_were_raised_hold_for_those_that_wait(house: House) -> None:
    jobs = [await house.create(start=True) for _ in range(4)]
    assert await dispatch_all(house.database, house.limits) == 0
    assert await dispatch_all(house.database, replace(house.limits, per_user=2)) == 1
    assert await dispatch_all(house.database, QueueLimits()) == 2
    assert await house.started() == jobs


async def test_who_waits_for_a_turn_has_all_the_time_and_the_wait_for_a_machine_begins_with_it(house: House) -> None:
    async def heard() -> bool:
        return True

    running, waiting = [await house.create(start=True) for _ in range(2)]
    async with house.database.transaction() as tx:
        await tx.execute(update(training_jobs).where(training_jobs.c.id == waiting).values(
            status_since=func.now() - timedelta(days=30)))
    assert await fail_overdue(house.database, WAITS, house.limits, heard) == 0
    await house.fail(running)
    assert await house.started() == [running, waiting]
    assert await fail_overdue(house.database, WAITS, house.limits, heard) == 0
    third = await house.create(start=True)
    async with house.database.transaction() as tx:
        await tx.execute(update(training_jobs).where(training_jobs.c.id == waiting).values(
            status_since=func.now() - timedelta(days=30)))
    assert await fail_overdue(house.database, WAITS, house.limits, heard) == 1
    assert await house.started() == [running, waiting, third]


async def test_a_process_that_dies_anywhere_leaves_a_queue_that_goes_on(house: House) -> None:
    """The end of one job and the start of the next are one transaction."""
    running = await house.create(start=True)
    steps = Steps(within=True)
    await house.start(await house.create(), steps)
    for number in range(steps.passed):
        job = await house.create()
        with suppress(Crash):
            await house.start(job, Steps(number, crash, within=True))
        await house.release()
        with suppress(DomainError):
            await house.start(job)
        assert job in await house.waiting()
    order = [row["id"] for row in (
        await read_queue(house.database, house.caller.workspace_id, house.limits)).waiting]
    for job in [running, *order]:
        await house.fail(job)
    assert await house.started() == [running, *order]


async def _published(house: House, kind: str, job_id) -> int:
    """How often the outbox has it."""
    statement = select(func.count()).select_from(OUTBOX).where(OUTBOX.c.subject == f"{kind}.{job_id}")
    async with house.database.read() as tx:
        return (await tx.execute(statement)).scalar_one()
