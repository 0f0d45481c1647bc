"""A database of the release before goes on where it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import text

from chassis.database.engine import Database
from chassis.database.migrate import upgrade
from services.provisioner.adapters.repository import broker, pods

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
JOB = text("""
    INSERT INTO jobs (job_id, workspace_id, state, attempt, accepted_at)
    VALUES (:job_id, :workspace_id, 'active', 2, :at)
""")
POD = text("""
    INSERT INTO pods (pod_name, job_id, workspace_id, attempt, provider, gpu_type, pricing_tier, status, requested_at,
        creating_since, running_since, terminated_at, due_at, nats_users)
    VALUES (:name, :job_id, :workspace_id, :attempt, 'local', 'local', 'spot', :status, :at, :at, :at, :ended, :at,
        '{U1}')
""")


async def test_pods_of_the_release_before_are_found_as_they_are(empty_database: str) -> None:
    await upgrade("services.provisioner", empty_database, "0002")
    database = Database(empty_database)
    job = {"job_id": uuid4(), "workspace_id": uuid4(), "at": NOON}
    async with database.transaction() as tx:
        await tx.execute(JOB, job)
        await tx.execute(POD, job | {"name": "old", "attempt": 1, "status": "terminated", "ended": NOON})
        await tx.execute(POD, job | {"name": "new", "attempt": 2, "status": "running", "ended": None})
    await upgrade("services.provisioner", empty_database)
    async with database.transaction() as tx:
        old, new = await pods.pods_of(tx, job["job_id"])
        assert (old.closed_at, new.closed_at) == (NOON, None)
        assert (new.create_asked_at, new.came_up_at, new.missing_since) == (NOON, NOON, None)
        assert await broker.accounts_in_use(tx) == []
        assert await pods.silent(tx, last_word_before=NOON, started_before=NOON + timedelta(seconds=1)) == [
            (job["job_id"], 2)]
    await database.dispose()


async def test_what_a_replica_of_the_release_before_still_writes_is_watched(empty_database: str) -> None:
    await upgrade("services.provisioner", empty_database)
    database = Database(empty_database)
    job = {"job_id": uuid4(), "workspace_id": uuid4(), "at": NOON}
    later = NOON + timedelta(seconds=1)
    async with database.transaction() as tx:
        await tx.execute(JOB, job)
        await tx.execute(POD, job | {"name": "new", "attempt": 2, "status": "running", "ended": None})
        assert await pods.up_before(tx, later) == {"new"}
        assert await pods.silent(tx, last_word_before=later, started_before=later) == [(job["job_id"], 2)]
    await database.dispose()
