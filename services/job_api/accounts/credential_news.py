"""What one replica revokes, every replica forgets: the caches of keys and sessions listen to the database."""

import asyncio
from typing import Any

from chassis.database.listen import PgListener
from services.job_api.accounts.api_key_cache import ApiKeyCache
from services.job_api.accounts.repository import CREDENTIAL_CHANNEL


class CredentialNews(PgListener):
    """Notifications that are lost while the connection is away cost what the caches remember, two seconds."""

    def __init__(self, database_url: str, *caches: ApiKeyCache) -> None:
        super().__init__(database_url, CREDENTIAL_CHANNEL)
        self._caches = caches

    def wake(self) -> None:
        """The connection is new: anything may have happened."""
        for cache in self._caches:
            cache.clear()

    async def run(self) -> None:
        """Listen until cancelled."""
        async with self:
            await asyncio.Event().wait()

    def _on_notify(self, *_: Any) -> None:
        self.wake()
