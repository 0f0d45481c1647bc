"""Events in."""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.retry import Permanent
from contracts.envelope import Event
from contracts.events import EvaluationGenerated
from services.validator.usecases import record_evaluation


async def on_evaluation_generated(event: Event[EvaluationGenerated], tx: AsyncConnection) -> None:
    if not event.data.conversations:
        raise Permanent("the evaluation has no conversations")
    await record_evaluation(tx, event, datetime.now(UTC))
