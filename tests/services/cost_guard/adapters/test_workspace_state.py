"""The state of a workspace's month, calculated by PostgreSQL."""

from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from contracts.identifiers import uuid7
from services.cost_guard.adapters.repository import budgets
from services.cost_guard.adapters.tables import billing_intervals, jobs
from services.cost_guard.domain.billing import BilledInterval, month_bounds, total_cost
from tests.services.cost_guard.examples import NOON, Job, hours
from tests.services.cost_guard.statements import statements

LIMIT = 500_000_000


@pytest_asyncio.fixture
async def database(fresh_database):
    return await fresh_database("services.cost_guard")


async def keep(tx, job: Job, intervals: list[BilledInterval], reserved: int = 0) -> None:
    await tx.execute(insert(jobs).values(**job.ids, reserved_micro_usd=reserved, reservation_id=uuid7()))
    for attempt, interval in enumerate(intervals, start=1):
        await tx.execute(
            insert(billing_intervals).values(
                **job.ids,
                attempt=attempt,
                gpu_type="local",
                pricing_tier="spot",
                rate_micro_usd_per_hour=interval.rate_micro_usd_per_hour,
                running_since=interval.since,
                terminated_at=interval.until,
            )
        )


async def state(database, workspace_id, now, **choice):
    async with database.read() as connection:
        return await budgets.state(connection, workspace_id, now, default_limit=LIMIT, **choice)


@pytest.mark.parametrize("running", [1, 40])
async def test_one_question_however_many_jobs_run(database, running: int) -> None:
    workspace_id = uuid7()
    async with database.transaction() as tx:
        for _ in range(running):
            await keep(tx, Job(workspace_id=workspace_id), [BilledInterval(2_490_000, NOON, None)], 10_000_000)
    with statements(database) as asked:
        found = await state(database, workspace_id, NOON + hours(1))
    assert (found.spent_micro_usd, found.reserved_micro_usd) == (running * 2_490_000, running * 7_510_000)
    assert len(asked) == 1


MOMENTS = st.datetimes(datetime(2026, 9, 25), datetime(2026, 12, 5), timezones=st.just(UTC))
LENGTHS = st.timedeltas(timedelta(hours=-1), timedelta(days=40)) | st.timedeltas(timedelta(0), timedelta(seconds=2))
RATES = st.integers(0, 20_000_000) | st.sampled_from([1, 1800, 3600, 10**12])


@st.composite
def intervals(draw) -> BilledInterval:
    since = draw(MOMENTS)
    return BilledInterval(draw(RATES), since, None if draw(st.booleans()) else since + draw(LENGTHS))


def month_cost(interval: BilledInterval, now: datetime, month: str) -> int:
    """The interval cut to the month, by the domain's own rule for whole intervals."""
    begin, end = month_bounds(month)
    until = min(interval.until or now, end)
    return total_cost([BilledInterval(interval.rate_micro_usd_per_hour, max(interval.since, begin), until)], now)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.lists(intervals(), max_size=3), st.integers(0, 10**9)), max_size=4), MOMENTS)
async def test_the_database_reckons_as_the_domain_does(database, known, now) -> None:
    workspace_id = uuid7()
    async with database.transaction() as tx:
        for billed, reserved in known:
            await keep(tx, Job(workspace_id=workspace_id), billed, reserved)
    found = await state(database, workspace_id, now)
    month = now.strftime("%Y-%m")
    assert found.spent_micro_usd == sum(month_cost(one, now, month) for billed, _ in known for one in billed)
    assert found.reserved_micro_usd == sum(max(0, reserved - total_cost(billed, now)) for billed, reserved in known)


@given(st.integers(0, 40 * 24 * 3600), st.integers(1, 40 * 24 * 3600))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_months_share_an_interval_without_loss(database, offset: int, length: int) -> None:
    since = datetime(2026, 10, 20, tzinfo=UTC) + timedelta(seconds=offset)
    interval = BilledInterval(3_600_000, since, since + timedelta(seconds=length))  # a thousand micro-dollars a second
    job = Job()
    async with database.transaction() as tx:
        await keep(tx, job, [interval])
    months = [datetime(2026 + n // 12, n % 12 + 1, 28, tzinfo=UTC) for n in range(9, 26)]
    shares = [(await state(database, job.workspace_id, month)).spent_micro_usd for month in months]
    assert sum(shares) == 1000 * length


@pytest.mark.parametrize(("reserved", "still"), [(10_000_000, 7_510_000), (2_490_000, 0), (1_000_000, 0)])
async def test_what_a_job_spent_leaves_its_reservation_and_never_more(database, reserved: int, still: int) -> None:
    job = Job()
    async with database.transaction() as tx:
        await keep(tx, job, [BilledInterval(2_490_000, NOON, NOON + hours(1))], reserved)
    assert (await state(database, job.workspace_id, NOON)).reserved_micro_usd == still


async def test_a_job_that_asks_anew_is_not_in_its_own_way(database) -> None:
    job = Job()
    async with database.transaction() as tx:
        await keep(tx, job, [], 10_000_000)
    assert (await state(database, job.workspace_id, NOON, without=job.job_id)).reserved_micro_usd == 0
    assert (await state(database, job.workspace_id, NOON)).reserved_micro_usd == 10_000_000


async def test_ended_jobs_and_other_workspaces_hold_nothing(database) -> None:
    job, other = Job(), Job()
    async with database.transaction() as tx:
        await keep(tx, job, [], 10_000_000)
        await tx.execute(jobs.update().values(ended_at=NOON))
        await keep(tx, other, [BilledInterval(2_490_000, NOON, None)], 10_000_000)
    found = await state(database, job.workspace_id, NOON + hours(1))
    assert (found.spent_micro_usd, found.reserved_micro_usd, found.limit_micro_usd) == (0, 0, LIMIT)
