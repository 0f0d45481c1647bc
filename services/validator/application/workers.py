"""By time: verdicts of a superseded method are reached again from the stored likelihoods, and published again."""

import structlog

from chassis.clock import Clock
from chassis.database.engine import Database
from services.validator.adapters.repository import EvaluationKey, outdated
from services.validator.application.commands import judge_again
from services.validator.domain.clusters import UnusableEvaluation

_log = structlog.get_logger(__name__)


async def judge_outdated(database: Database, clock: Clock) -> None:
    """One short transaction for each; what was done stays done, whenever this is stopped and however often it runs."""
    async with database.read() as connection:
        keys = await outdated(connection)
    for key in keys:
        await _judge(database, clock, key)
    if keys:
        _log.info("evaluations_judged_again", evaluations=len(keys))


async def _judge(database: Database, clock: Clock, key: EvaluationKey) -> None:
    try:
        async with database.transaction() as tx:
            await judge_again(tx, key, clock.now())
    except UnusableEvaluation as error:
        _log.error("evaluation_not_judged_again", job_id=str(key.job_id), attempt=key.attempt, error=str(error))
