"""Deliveries that ended are forgotten after their time; what is still to be sent never."""

from datetime import timedelta
from uuid import UUID

from prometheus_client import CollectorRegistry
from sqlalchemy import func, insert

from contracts.identifiers import uuid7
from services.notifier.adapters.tables import deliveries
from services.notifier.application.workers import DeliveryWorker
from services.notifier.settings import Settings

LONG = Settings().notification_retention_days
ROWS = [*((status, LONG + 1) for status in ("sent", "failed", "unknown", "skipped", "pending", "sending")),
        ("sent", LONG - 1)]


class Nobody:
    async def email(self, workspace_id: UUID, job_id: UUID) -> str | None:
        return None


async def test_deliveries_that_ended_are_forgotten_after_their_time(world) -> None:
    async with world.database.transaction() as tx:
        for status, days in ROWS:
            await tx.execute(insert(deliveries).values(
                id=uuid7(), dedup_key=f"{status} {days}", channel="log", event_id=uuid7(), kind="job.failed",
                workspace_id=uuid7(), content={}, status=status, created_at=func.now() - timedelta(days=days)))
    await DeliveryWorker(world.database, {}, Nobody(), Settings(), CollectorRegistry()).forget_old()
    assert {row.dedup_key for row in await world.rows()} == {
        f"pending {LONG + 1}", f"sending {LONG + 1}", f"sent {LONG - 1}"}
