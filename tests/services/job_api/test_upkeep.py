"""What the running service forgets by itself."""

from __future__ import annotations

from uuid import uuid4

from sqlalchemy import func, insert, select, text

from services.job_api.settings import Settings
from services.job_api.tables import idempotency_keys
from tests.services.job_api.conftest import served
from tests.services.job_api.waiting import eventually


async def test_idempotency_keys_of_yesterday_are_forgotten(fresh_database, settings_for, topology) -> None:
    database = await fresh_database("services.job_api")
    row = {"workspace_id": uuid4(), "subject": "s", "method": "POST", "path": "/", "lock_token": uuid4()}
    async with database.transaction() as tx:
        for key, age in (("old", "1 hour"), ("new", "-1 hour")):
            at = text(f"now() - interval '{age}'")
            await tx.execute(insert(idempotency_keys).values(
                **row, id=key.encode(), key=key, lease_until=at, expires_at=at))

    async def left() -> bool:
        async with database.read() as tx:
            return (await tx.execute(select(func.array_agg(idempotency_keys.c.key)))).scalar_one() == ["new"]

    async with served(Settings(**settings_for("job_api", database_url=database.url))):
        await eventually(left)
