"""The real notifier behind the API under test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from services.notifier.app import build_runtime
from services.notifier.settings import Settings


@asynccontextmanager
async def running_notifier(fresh_database: Any, settings_for: Any, **settings: Any) -> AsyncIterator[None]:
    """With a database of its own. Streams and durables are there already."""
    database = await fresh_database("services.notifier")
    usual = settings_for("notifier", database_url=database.url, poll_s=0.2)
    async with build_runtime(Settings(**(usual | settings))).lifespan():
        yield
