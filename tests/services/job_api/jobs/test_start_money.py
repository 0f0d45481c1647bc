"""Money and starts: whoever else starts, releases or dies in between, a queued job holds its money and no other
job holds any."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import func, insert, select, update

from chassis.database.engine import Database
from chassis.problems import NotFound
from contracts.identifiers import uuid7
from services.job_api.accounts import repository as accounts
from services.job_api.callers import Caller
from services.job_api.errors import DomainError
from services.job_api.jobs.application.cancel_job import cancel_job
from services.job_api.jobs.application.commands import JobContext, NewJob
from services.job_api.jobs.application.create_job import create_job
from services.job_api.jobs.application.delete_job import delete_job
from services.job_api.jobs.application.reservations import ABANDONED_AFTER, release_abandoned
from services.job_api.jobs.application.start_job import start_job
from services.job_api.jobs.errors import StartInProgress
from services.job_api.tables import job_events, start_intents, training_files, training_jobs
from tests.services.job_api.cost_guard import CostGuard
from tests.services.job_api.jobs.steps import Crash, SteppedCostGuard, SteppedDatabase, Steps, context_of, crash

NOW = timedelta(0)


async def job_row(_: Any, row: Any) -> Any:
    return row


class House:
    """A workspace with a file, its database, and the service that holds the money."""

    def __init__(self, database: Database, caller: Caller, file_id: UUID) -> None:
        self.database, self.caller, self.file_id = database, caller, file_id
        self.cost_guard = CostGuard()

    def context(self, steps: Steps | None = None) -> JobContext:
        return context_of(self.database, self.cost_guard, steps)

    async def create(self, steps: Steps | None = None, *, start: bool = False) -> UUID:
        row = await create_job(self.context(steps), self.caller, NewJob(self.file_id), job_row, start=start)
        found: UUID = row["id"]
        return found

    async def start(self, job_id: UUID, steps: Steps | None = None) -> None:
        await start_job(self.context(steps), self.caller, job_id, job_row)

    async def release(self, steps: Steps | None = None, older_than: timedelta = NOW) -> int:
        if steps is None:
            return await release_abandoned(self.database, self.cost_guard, older_than)
        stepped: Any = SteppedDatabase(self.database, steps)
        return await release_abandoned(stepped, SteppedCostGuard(self.cost_guard, steps), older_than)

    async def status(self, job_id: UUID) -> str | None:
        async with self.database.read() as tx:
            statement = select(training_jobs.c.status).where(training_jobs.c.id == job_id)
            return (await tx.execute(statement)).scalar_one_or_none()

    async def check(self) -> None:
        """Every queued job holds its own money, and nothing else holds any."""
        async with self.database.read() as tx:
            jobs = (await tx.execute(select(training_jobs.c.id, training_jobs.c.reservation_id).where(
                training_jobs.c.status == "queued"))).all()
            starts = (await tx.execute(select(job_events.c.job_id).where(
                job_events.c.type == "job.start_requested"))).scalars().all()
        assert self.cost_guard.reserved == {job.id: job.reservation_id for job in jobs}
        assert sorted(starts) == sorted(job.id for job in jobs)  # each was queued once


@pytest_asyncio.fixture
async def house(fresh_database) -> House:
    database = await fresh_database("services.job_api")
    workspace_id, file_id = uuid7(), uuid7()
    async with database.transaction() as tx:
        await accounts.ensure_workspace(tx, workspace_id, "w")
        await tx.execute(insert(training_files).values(
            id=file_id, workspace_id=workspace_id, name="f", format="brightrun_json", status="ready", bucket="b",
            source_key="s", source_sha256="0", size_bytes=1, normalised_key="n", normalised_sha256="1",
            conversations=12, tokens=1000, created_by="t"))
    return House(database, Caller("user", workspace_id), file_id)


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


async def test_a_job_made_and_started_at_once_keeps_its_money_or_does_not_exist(house) -> None:
    for number in range(await steps_of(lambda steps: house.create(steps, start=True))):
        with suppress(DomainError):
            await house.create(Steps(number, house.release), start=True)
        await house.release()
        await house.check()


async def test_a_job_cancelled_or_deleted_while_it_starts_holds_nothing(house) -> None:
    async def cancel(job_id: UUID) -> None:
        async with house.database.transaction() as tx:
            await cancel_job(tx, house.caller, job_id, "", house.context().clock.now())

    async def delete(job_id: UUID) -> None:
        async with house.database.transaction() as tx:
            await delete_job(tx, house.caller, job_id)

    for end in (cancel, delete):
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
