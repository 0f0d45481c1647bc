"""What one job can fill."""

from chassis.database.engine import Database
from services.metrics_ingest.domain.acceptance import MOST_METRICS_PER_JOB
from tests.services.metrics_ingest.conftest import Job, batches, value


def fifty(first: int) -> dict[str, list[float]]:
    return {f"made_up_{first + n}": [1.0] for n in range(50)}


async def test_a_job_has_so_many_metrics_and_no_more(database: Database) -> None:
    job, store = Job(), batches(database)
    names_before = await value(database, "SELECT count(*) FROM metric_names")
    for first in range(0, MOST_METRICS_PER_JOB, 50):
        await store.take([job.raw([1], **fifty(first))])
    refused, taken = await batches(database).take(  # as after a restart, knowing nothing
        [job.raw([2], made_up_0=[2.0], one_too_many=[2.0]), job.raw([3], made_up_0=[3.0])]
    )
    assert (f"{MOST_METRICS_PER_JOB} metrics" in str(refused.error), taken.error) == (True, None)
    names = await value(database, "SELECT count(*) FROM metric_names")
    assert names == names_before + MOST_METRICS_PER_JOB  # a refused name is not learnt either
    assert await value(database, "SELECT count(*) FROM metric_points") == MOST_METRICS_PER_JOB + 1


async def test_metrics_of_one_batch_count_together(database: Database) -> None:
    job = Job()
    batch = [job.raw([1], **fifty(first)) for first in range(0, MOST_METRICS_PER_JOB + 100, 50)]
    outcomes = await batches(database).take(batch)
    assert [outcome.error is None for outcome in outcomes] == [True] * (len(batch) - 2) + [False] * 2


async def test_names_without_a_value_fill_nothing(database: Database) -> None:
    job, before = Job(), await value(database, "SELECT count(*) FROM metric_names")
    await batches(database).take([job.raw([1, 2], loss=[1.0, 2.0], never_measured=[None, None])])
    assert await value(database, "SELECT count(*) FROM metric_names") == before


async def test_a_job_has_so_many_points_and_no_more(database: Database) -> None:
    job, other = Job(), Job()

    async def is_refused(steps: range) -> bool:
        (outcome,) = await batches(database, points_per_job=1_000).take([job.raw(steps, loss=[1.0] * len(steps))])
        return "1,000 points" in str(outcome.error)

    assert not await is_refused(range(900))
    assert not await is_refused(range(900))  # a repetition adds nothing
    assert not await is_refused(range(800, 1_000))  # half of it is new
    assert await is_refused(range(1_000, 1_001))
    messages = [other.raw([1], loss=[1.0]), job.raw([2_000], loss=[1.0])]
    both = await batches(database, points_per_job=1_000).take(messages)
    assert [outcome.error is None for outcome in both] == [True, False]
