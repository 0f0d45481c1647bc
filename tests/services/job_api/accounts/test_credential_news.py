"""What one replica revokes, the others hear of from the database; their caches would have known it for seconds more."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from chassis.clock import FakeClock
from services.job_api.accounts.api_key_cache import ApiKeyCache
from services.job_api.accounts.credential_news import CredentialNews
from services.job_api.accounts.repository import announce_change
from services.job_api.edge.auth import Role, new_api_key
from tests.chassis.web.conftest import StoredKeys
from tests.services.job_api.waiting import eventually


class Counted(StoredKeys):
    """How often a key was looked up."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def find(self, prefix: str) -> Any:
        self.asked += 1
        return await super().find(prefix)


@pytest.fixture
async def database(fresh_database):
    return await fresh_database("services.job_api")


async def test_what_one_replica_revokes_every_replica_forgets(database) -> None:
    keys, clock = Counted(), FakeClock()  # time stands still: nothing is forgotten by itself
    prefix = keys.issue(Role.ENGINEER)[:11]
    caches = [ApiKeyCache(keys, clock), ApiKeyCache(keys, clock)]
    async with CredentialNews(database.url, *caches):
        await eventually(lambda: all(cache._forgotten for cache in caches))  # connected
        for cache in caches * 3:
            assert await cache.find(prefix) is not None
        assert keys.asked == 2
        del keys.records[prefix]
        async with database.transaction() as tx:
            await announce_change(tx)
        await eventually(lambda: all(not cache._known for cache in caches))
    assert [await cache.find(prefix) for cache in caches] == [None, None]


async def test_what_is_not_committed_is_not_announced(database) -> None:
    keys = Counted()
    cache = ApiKeyCache(keys, FakeClock())
    prefix = keys.issue()[:11]
    async with CredentialNews(database.url, cache):
        await eventually(lambda: cache._forgotten)
        await cache.find(prefix)
        with suppress(ConnectionError):
            async with database.transaction() as tx:
                await announce_change(tx)
                raise ConnectionError
        async with database.transaction() as tx:  # comes after it
            await announce_change(tx)
        await eventually(lambda: not cache._known)
    assert cache._forgotten == 2


def test_prefixes_of_both_kinds_are_told_apart() -> None:
    key, session = new_api_key(), new_api_key("brs_")
    assert (key.secret[:11], session.secret[:12]) == (key.prefix, session.prefix)
