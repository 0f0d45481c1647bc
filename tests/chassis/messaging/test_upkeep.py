"""Migrations, pruning, loops: what keeps the messaging tables in order."""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, inspect, select, text, update

from chassis.database.engine import Database, DatabaseUnavailable, is_transient
from chassis.database.migrate import upgrade
from chassis.messaging.inbox import INBOX, claim, prune_inbox
from chassis.messaging.outbox import OUTBOX, backlog, prune_outbox
from chassis.messaging.upkeep import prune_messages
from contracts.identifiers import uuid7
from tests.chassis.messaging.pipe import Pipe, job_event

_REVISION = '''
from alembic import op
from chassis.database.messaging_tables import create_messaging_tables
revision, down_revision, branch_labels, depends_on = "0001", None, None, None

def upgrade():
    create_messaging_tables(op)
'''


@pytest.fixture
def service_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A service with one migration."""
    folder = tmp_path / "sample_service" / "migrations"
    (folder / "versions").mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "env.py").write_text("from chassis.database.migration_env import run\n\nrun()\n")
    (folder / "versions" / "0001_messages.py").write_text(_REVISION)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("sample_service", None)
    return "sample_service"


async def test_replicas_may_migrate_at_once(service_package: str, empty_database: str) -> None:
    await asyncio.gather(*(upgrade(service_package, empty_database) for _ in range(3)))
    database = Database(empty_database)
    async with database.transaction() as tx:
        tables = await tx.run_sync(lambda sync: inspect(sync).get_table_names())
        indexes = await tx.run_sync(lambda sync: inspect(sync).get_indexes("outbox"))
        assert await claim(tx, event_id=str(uuid7()), consumer="listener")
    await database.dispose()
    assert {"alembic_version", "inbox", "outbox"} <= set(tables)
    assert {"outbox_unpublished", "outbox_incarnation", "outbox_sequence"} <= {index["name"] for index in indexes}


async def test_a_schema_of_a_newer_release_is_left_as_it_is(service_package: str, empty_database: str) -> None:
    """After going back the release before runs on it: newer schemas only add."""
    assert await upgrade(service_package, empty_database) == ""
    database = Database(empty_database)
    async with database.transaction() as tx:
        await tx.execute(text("UPDATE alembic_version SET version_num = '0002'"))
    assert await upgrade(service_package, empty_database) == "0002"
    async with database.transaction() as tx:
        assert await tx.scalar(text("SELECT version_num FROM alembic_version")) == "0002"
    await database.dispose()


async def test_the_inbox_takes_an_event_once_per_consumer(pipe: Pipe) -> None:
    event_id = uuid7()
    async with pipe.database.transaction() as tx:
        assert await claim(tx, event_id=event_id, consumer="a")
        assert not await claim(tx, event_id=event_id, consumer="a")
        assert await claim(tx, event_id=event_id, consumer="b")


async def test_only_old_published_rows_are_pruned(pipe: Pipe) -> None:
    old, young, unpublished = job_event(), job_event(), job_event()
    await pipe.say(old, young, unpublished)
    async with pipe.database.transaction() as tx:
        long_ago = text("now() - interval '8 days'")
        await tx.execute(update(OUTBOX).values(created_at=long_ago))
        await tx.execute(update(OUTBOX).where(OUTBOX.c.id == young.id).values(published_at=text("now()")))
        await tx.execute(update(OUTBOX).where(OUTBOX.c.id == old.id).values(published_at=long_ago))
        await claim(tx, event_id=old.id, consumer="a")
        assert await prune_outbox(tx) == 1
        assert await prune_inbox(tx) == 0
        assert await prune_inbox(tx, older_than=timedelta(days=-1)) == 1
        assert (await backlog(tx)).unpublished == 1


async def test_a_row_that_waited_long_for_its_stream_stays_to_refill_it(pipe: Pipe) -> None:
    """What counts is when it was published: the stream may be lost the day after."""
    event = job_event()
    await pipe.say(event)
    async with pipe.database.transaction() as tx:
        long_ago = text("now() - interval '8 days'")
        await tx.execute(update(OUTBOX).values(created_at=long_ago, published_at=text("now()")))
        assert await prune_outbox(tx) == 0


async def test_a_read_transaction_cannot_write(pipe: Pipe) -> None:
    with pytest.raises(Exception, match="read-only"):
        async with pipe.database.read() as tx:
            await claim(tx, event_id=uuid7(), consumer="a")


async def test_no_database_is_a_transient_error() -> None:
    database = Database("postgresql+asyncpg://nobody@127.0.0.1:1/none", connect_timeout_s=1)
    with pytest.raises(DatabaseUnavailable) as caught:
        await database.ping()
    assert is_transient(caught.value)
    await database.dispose()


async def test_an_exhausted_pool_is_a_transient_error(pipe: Pipe) -> None:
    small = Database(pipe.database.url, pool_size=1, max_overflow=0, pool_timeout_s=0.1)
    async with small.transaction():
        with pytest.raises(DatabaseUnavailable) as caught:
            async with small.transaction():
                pass
    assert is_transient(caught.value)
    await small.dispose()


async def test_a_constraint_violation_is_not_transient(pipe: Pipe) -> None:
    event = job_event()
    await pipe.say(event)
    with pytest.raises(Exception, match="duplicate key") as caught:
        await pipe.say(event)
    assert not is_transient(caught.value)


async def test_how_long_rows_stay_is_what_the_settings_say(pipe: Pipe) -> None:
    event = job_event()
    await pipe.say(event)
    async with pipe.database.transaction() as tx:
        await tx.execute(update(OUTBOX).values(published_at=text("now() - interval '5 days'")))
        await claim(tx, event_id=event.id, consumer="a")
        await tx.execute(update(INBOX).values(claimed_at=text("now() - interval '20 days'")))

    async def left() -> tuple[int, int]:
        async with pipe.database.read() as tx:
            counts = [await tx.scalar(select(func.count()).select_from(table)) for table in (OUTBOX, INBOX)]
        return counts[0], counts[1]

    await prune_messages(pipe.database)
    assert await left() == (1, 1)
    await prune_messages(pipe.database, outbox_days=4, inbox_days=21)
    assert await left() == (0, 1)
    await prune_messages(pipe.database, outbox_days=4, inbox_days=19)
    assert await left() == (0, 0)
