"""One owner at a time, by the database's clock."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest_asyncio

from chassis.database.engine import Database
from chassis.database.leases import LEASES, Lease


@pytest_asyncio.fixture
async def database(new_empty_database: Callable[[], str]) -> AsyncIterator[Database]:
    made = Database(new_empty_database())
    async with made.transaction() as tx:
        await tx.run_sync(LEASES.metadata.create_all)
    yield made
    await made.dispose()


async def test_one_of_many_gets_it(database: Database) -> None:
    leases = [Lease(database, "relay") for _ in range(8)]
    assert sorted(await asyncio.gather(*(lease.hold() for lease in leases))) == [False] * 7 + [True]


async def test_the_holder_keeps_it_and_others_get_it_when_its_time_is_over(database: Database) -> None:
    first, second = Lease(database, "relay", 0.4), Lease(database, "relay", 0.4)
    assert await first.hold()
    assert not await second.hold()
    await asyncio.sleep(0.3)
    assert await first.hold()  # renewed in its second half
    await asyncio.sleep(0.3)
    assert not await second.hold()
    await asyncio.sleep(0.2)
    assert await second.hold()
    assert not await first.hold()


async def test_duties_do_not_hinder_each_other(database: Database) -> None:
    assert await Lease(database, "relay").hold()
    assert await Lease(database, "meter").hold()


async def test_an_orderly_end_gives_it_to_the_next_at_once(database: Database) -> None:
    first, second = Lease(database, "relay", 60), Lease(database, "relay", 60)
    async with first.released_at_the_end():
        assert await first.hold()
    assert await second.hold()
    await first.release()  # a release of what is no longer held changes nothing
    assert await second.hold()
