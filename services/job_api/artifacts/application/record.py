"""What a completed training delivered, and what the validator makes of it."""

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events import TrainingCompleted, ValidationUpdated
from services.job_api.artifacts.repository import deliveries


async def record_delivery(tx: AsyncConnection, completed: TrainingCompleted) -> None:
    """Called once per job, when it completes."""
    await deliveries.record(tx, completed)


async def record_validation(tx: AsyncConnection, verdict: ValidationUpdated) -> None:
    await deliveries.record_validation(tx, verdict)
