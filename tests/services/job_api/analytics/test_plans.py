"""What the planner makes of the queries about retries while it knows nothing of the table yet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import text

from contracts.identifiers import uuid7
from services.job_api.analytics.repository import fixes
from services.job_api.diagnosis.repository import Period, retries
from tests.services.job_api.analytics.test_analytics import ended

JOBS = 200


class Explained:
    """Executes a statement under EXPLAIN ANALYZE and keeps what it did."""

    def __init__(self, tx: Any) -> None:
        self.tx, self.plan = tx, {}

    async def execute(self, statement: Any) -> list[Any]:
        dialect = self.tx.sync_connection.dialect
        sql = statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
        [found] = (await self.tx.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")).scalar_one()
        self.plan = found["Plan"]
        return []


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


async def test_a_retry_finds_what_it_retries_by_its_primary_key(alone) -> None:
    failed = [{"id": uuid7(), "status": "failed", "error_type": "out_of_memory"} for _ in range(JOBS)]
    change = [{"field": "max_seq_length", "from": 2, "to": 1}]
    async with alone.database.transaction() as tx:
        await tx.execute(text("ALTER TABLE training_jobs SET (autovacuum_enabled = off)"))
    await ended(alone, *failed, *({"retry_of": job["id"], "adjustments": change} for job in failed))
    async with alone.database.read() as tx:
        explained = Explained(tx)
        for ask in (fixes, retries):
            await ask(explained, alone.workspace_id, Period())
            [looked_up] = [node for node in nodes(explained.plan) if node.get("Index Name") == "training_jobs_pkey"]
            assert (looked_up["Node Type"], looked_up["Actual Loops"]) == ("Index Scan", JOBS), explained.plan
            assert not any(node.get("Rows Removed by Join Filter") for node in nodes(explained.plan)), explained.plan
