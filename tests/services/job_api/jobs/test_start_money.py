"""Money and starts: whoever else starts, releases or dies in between, a queued job holds its money and no other
job holds any."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, insert, update

from chassis.problems import NotFound
from contracts.identifiers import uuid7
from services.job_api.errors import DomainError
from services.job_api.jobs.application.delete_job import delete_job
from services.job_api.jobs.application.reservations import ABANDONED_AFTER
from services.job_api.jobs.errors import StartInProgress
from services.job_api.tables import start_intents
from tests.services.job_api.jobs.house import House
from tests.services.job_api.jobs.steps import Crash, Steps, crash


async def steps_of(run: Any, *, within: bool = False) -> int:
    steps = Steps(within=within)
    await run(steps)
    return steps.passed


async def test_a_start_that_comes_late_takes_nothing_from_the_one_that_was_first(house) -> None:
    for number in range(await steps_of(lambda steps: started(house, steps))):
        job_id = await house.create()
        with suppress(DomainError):
            await house.start(job_id, Steps(number, lambda job_id=job_id: refused_or_done(house.start(job_id))))
        await house.release()
        assert await house.status(job_id) == "queued"
        await house.check()


async def test_a_start_whose_money_was_released_meanwhile_queues_nothing(house) -> None:
    for number in range(await steps_of(lambda steps: started(house, steps))):
        job_id = await house.create()
        with suppress(DomainError):
            await house.start(job_id, Steps(number, house.release))
        await house.release()
        await house.check()
        with suppress(DomainError):  # what was pending still starts
            await house.start(job_id)
        assert await house.status(job_id) == "queued"
        await house.check()


@pytest.mark.slow
async def test_a_job_made_and_started_at_once_keeps_its_money_or_does_not_exist(house) -> None:
    for number in range(await steps_of(lambda steps: house.create(steps, start=True))):
        with suppress(DomainError):
            await house.create(Steps(number, house.release), start=True)
        await house.release()
        await house.check()


async def test_a_job_cancelled_or_deleted_while_it_starts_holds_nothing(house) -> None:
    async def delete(job_id: UUID) -> None:
        async with house.database.transaction() as tx:
            await delete_job(tx, house.caller, job_id)

    for end in (house.cancel, delete):
        for number in range(await steps_of(lambda steps: started(house, steps)) - 1):
            job_id = await house.create()
            with suppress(DomainError):
                await house.start(job_id, Steps(number, lambda end=end, job_id=job_id: refused_or_done(end(job_id))))
            await house.release()
            if await house.status(job_id) == "queued":
                await house.check()
            else:
                assert job_id not in house.cost_guard.reserved


async def test_a_start_that_dies_anywhere_leaves_no_money_behind(house) -> None:
    for number in range(await steps_of(lambda steps: started(house, steps), within=True)):
        job_id = await house.create()
        with suppress(Crash):
            await house.start(job_id, Steps(number, crash, within=True))
        await house.release()
        await house.check()
        with suppress(DomainError):
            await house.start(job_id)
        assert await house.status(job_id) == "queued"
        await house.check()


async def test_making_and_starting_dies_anywhere(house) -> None:
    for number in range(await steps_of(lambda steps: house.create(steps, start=True), within=True)):
        with suppress(Crash):
            await house.create(Steps(number, crash, within=True), start=True)
        await house.release()
        await house.check()


async def test_a_release_that_dies_anywhere_is_repeated(house) -> None:
    async def abandoned() -> UUID:
        job_id = await house.create()
        with suppress(Crash):
            await house.start(job_id, Steps(await reserved_step(house), crash))
        assert job_id in house.cost_guard.reserved
        return job_id

    await abandoned()
    for number in range(await steps_of(house.release, within=True)):
        await abandoned()
        with suppress(Crash):
            await house.release(Steps(number, crash, within=True))
        await house.release()
        await house.check()
        assert await house.release() == 0


async def test_a_start_waits_for_another_one_but_not_for_one_that_died(house) -> None:
    job_id = await house.create()
    with suppress(Crash):
        await house.start(job_id, Steps(await reserved_step(house), crash))
    held = house.cost_guard.reserved[job_id]
    with pytest.raises(StartInProgress):
        await house.start(job_id)
    assert house.cost_guard.reserved[job_id] == held
    async with house.database.transaction() as tx:
        await tx.execute(update(start_intents).values(asked_at=func.now() - timedelta(seconds=31)))
    await house.start(job_id)
    await house.release()  # the earlier try's reservation, which the later one has replaced
    await house.check()
    assert held in house.cost_guard.closed


async def test_money_is_released_only_when_no_start_can_be_on_its_way_any_more(house) -> None:
    job_id = await house.create()
    with suppress(Crash):
        await house.start(job_id, Steps(await reserved_step(house), crash))
    assert await house.release(older_than=ABANDONED_AFTER) == 0
    assert job_id in house.cost_guard.reserved
    assert await house.release() == 1
    await house.check()


async def test_one_release_that_fails_holds_up_no_other(house) -> None:
    jobs = [await house.create() for _ in range(3)]
    step = await reserved_step(house)
    for job_id in jobs:
        with suppress(Crash):
            await house.start(job_id, Steps(step, crash))
    steps = Steps()

    async def refuse() -> None:
        raise NotFound("no such workspace")

    steps.at, steps.do = 4, refuse  # the question about the first one
    with pytest.raises(NotFound):
        await house.release(steps)
    assert [job_id in house.cost_guard.reserved for job_id in jobs] == [True, False, False]
    assert await house.release() == 1


async def test_what_an_older_release_reserved_without_a_name_is_freed_unless_its_job_runs(house) -> None:
    pending, queued = await house.create(), await house.create(start=True)
    house.cost_guard.reserved[pending] = uuid7()
    async with house.database.transaction() as tx:
        for job_id in (pending, queued):
            await tx.execute(insert(start_intents).values(
                id=uuid7(), job_id=job_id, workspace_id=house.caller.workspace_id))
    assert await house.release() == 1
    await house.check()
    assert await house.release() == 0


async def test_two_starts_at_once_start_once(house) -> None:
    for _ in range(10):
        job_id = await house.create()
        answers = await asyncio.gather(house.start(job_id), house.start(job_id), return_exceptions=True)
        assert sorted(isinstance(answer, DomainError) for answer in answers) == [False, True]
        await house.release()
        assert await house.status(job_id) == "queued"
        await house.check()


async def started(house: House, steps: Steps) -> None:
    await house.start(await house.create(), steps)


async def refused_or_done(command: Any) -> None:
    with suppress(DomainError):
        await command


async def reserved_step(house: House) -> int:
    """The number of the step right after the money was reserved."""
    steps, before = Steps(), house.cost_guard.reserve_calls
    found: list[int] = []
    original = steps.step

    async def step(*, within: bool = False) -> None:
        if house.cost_guard.reserve_calls > before and not found:
            found.append(steps.passed)
        await original(within=within)

    steps.step = step  # type: ignore[method-assign]
    await started(house, steps)
    return found[0]
