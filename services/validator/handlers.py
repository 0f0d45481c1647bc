"""Events in."""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.retry import Permanent
from contracts.envelope import Event
from contracts.events import EvaluationGenerated
from services.validator.clusters import UnusableEvaluation
from services.validator.usecases import record_evaluation


async def on_evaluation_generated(event: Event[EvaluationGenerated], tx: AsyncConnection) -> None:
    try:
        await record_evaluation(tx, event, datetime.now(UTC))
    except UnusableEvaluation as error:
        raise Permanent(str(error)) from error
