"""Verdicts of a superseded method are reached again from the stored likelihoods, and said again."""

import asyncio
from datetime import UTC, datetime

import structlog

from chassis.database import Database
from services.validator.clusters import UnusableEvaluation
from services.validator.repository import EvaluationKey, outdated
from services.validator.usecases import judge_again

# Rows that a replica of an older version writes during an upgrade are found the next time.
_INTERVAL_S = 3600.0

_log = structlog.get_logger(__name__)


async def keep_judging_outdated(database: Database) -> None:
    """At the start and then hourly, until cancelled; an error is the caller's, who begins again."""
    while True:
        await judge_outdated(database)
        await asyncio.sleep(_INTERVAL_S)


async def judge_outdated(database: Database) -> None:
    """One short transaction for each; what was done stays done, whenever this is stopped and however often it runs."""
    async with database.read() as connection:
        keys = await outdated(connection)
    for key in keys:
        await _judge(database, key)
    if keys:
        _log.info("evaluations_judged_again", evaluations=len(keys))


async def _judge(database: Database, key: EvaluationKey) -> None:
    try:
        async with database.transaction() as tx:
            await judge_again(tx, key, datetime.now(UTC))
    except UnusableEvaluation as error:
        _log.error("evaluation_not_judged_again", job_id=str(key.job_id), attempt=key.attempt, error=str(error))
