"""Verdicts of the bootstrap are reached again when the new version starts, and told like any other."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from chassis.clock import SystemClock
from chassis.database.engine import Database
from chassis.database.migrate import upgrade
from contracts.identifiers import uuid7
from services.validator.app import build_runtime
from services.validator.application.workers import judge_outdated
from services.validator.settings import Settings
from tests.services.validator.likelihoods import samples

_OLD_ROW = text("""
    INSERT INTO evaluations (job_id, attempt, workspace_id, event_id, base_model, conversations, perplexity_baseline,
        perplexity_trained, improvement_pct, low_pct, high_pct, confidence, verdict, tokens, generated_at, updated_at)
    VALUES (:job_id, 1, :workspace_id, gen_random_uuid(), 'base', CAST(:conversations AS jsonb), 20, 14, 30.0, 28.7,
        31.3, 0.95, 'proven', 200, :at, :at)
""")


@pytest.fixture
async def old_database(empty_database: str):
    """As the version before left it."""
    await upgrade("services.validator", empty_database, "0001")
    database = Database(empty_database)
    yield database
    await database.dispose()


async def old_verdict(database: Database, gains: list[float]):
    """A stored evaluation that the bootstrap called proven."""
    job_id = uuid7()
    # Written before samples named their source.
    rows = ", ".join(item.model_dump_json(exclude={"source_conversation"}) for item in samples(gains))
    async with database.transaction() as tx:
        row = {"job_id": job_id, "workspace_id": uuid7(), "conversations": f"[{rows}]", "at": datetime.now(UTC)}
        await tx.execute(_OLD_ROW, row)
    return job_id


async def stored(database: Database):
    async with database.read() as connection:
        return (await connection.execute(text("SELECT * FROM evaluations ORDER BY job_id"))).all()


async def test_stored_evaluations_are_judged_again_at_the_start(
    old_database, settings_for, topology, verdicts
) -> None:
    few = await old_verdict(old_database, [0.35, 0.36])
    many = await old_verdict(old_database, [0.1, 0.2, 0.15] * 5)
    await upgrade("services.validator", old_database.url)
    runtime = build_runtime(Settings(**settings_for("validator", database_url=old_database.url)))
    async with runtime.lifespan():
        said = {item.job_id: item for item in await verdicts(2)}
    assert (said[few].verdict, said[few].missing_conversations, said[few].improvement_low_pct) == ("too_few", 8, None)
    assert (said[many].verdict, said[many].method) == ("proven", "cr2-t/1")
    assert [(row.verdict, row.low_pct is None, row.method) for row in await stored(old_database)] == [
        ("too_few", True, "cr2-t/1"), ("proven", False, "cr2-t/1")]


async def test_it_is_done_once_however_often_it_runs(old_database) -> None:
    await old_verdict(old_database, [0.35, 0.36])
    await upgrade("services.validator", old_database.url)
    await judge_outdated(old_database, SystemClock())
    first = await stored(old_database)
    await judge_outdated(old_database, SystemClock())
    assert await stored(old_database) == first
    async with old_database.read() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM outbox"))).scalar_one() == 1


async def test_a_row_that_cannot_be_judged_does_not_hold_up_the_others(old_database) -> None:
    await old_verdict(old_database, [-900.0])
    good = await old_verdict(old_database, [0.35, 0.36])
    await upgrade("services.validator", old_database.url)
    await judge_outdated(old_database, SystemClock())
    assert [row.job_id for row in await stored(old_database) if row.method == "cr2-t/1"] == [good]


async def test_what_an_older_replica_still_writes_is_found(old_database) -> None:
    await upgrade("services.validator", old_database.url)
    await old_verdict(old_database, [0.35, 0.36])
    await judge_outdated(old_database, SystemClock())
    assert [row.verdict for row in await stored(old_database)] == ["too_few"]
