import pytest

from chassis.database.engine import Database, DatabaseUnavailable
from contracts.identifiers import uuid7
from services.metrics_ingest.application.workers.rewarming import Rewarmer
from services.metrics_ingest.domain.jobs import JobView
from stack.parts import free_port
from tests.services.metrics_ingest.conftest import NoWindow


async def test_a_failure_ends_the_run_for_all_to_see_and_the_job_can_be_woken_again() -> None:
    away = Database(f"postgresql+asyncpg://nobody@127.0.0.1:{free_port()}/none", connect_timeout_s=1)
    rewarmer, job = Rewarmer(away, NoWindow(), 10), JobView(uuid7(), 1, 1, {1: 0}, {"loss": 1})
    for _ in range(2):
        rewarmer.wake(job)
        with pytest.raises(DatabaseUnavailable):
            await rewarmer.run()
    await away.dispose()
