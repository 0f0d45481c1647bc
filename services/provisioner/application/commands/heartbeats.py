"""A sign of life, answered with whether to go on."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.rpc.pods import Heartbeat, HeartbeatReply
from services.provisioner.adapters.repository import pods
from services.provisioner.application.queries.attempts import find_attempt
from services.provisioner.domain.attempts import superseded


async def record_heartbeat(tx: AsyncConnection, job_id: UUID, beat: Heartbeat, now: datetime) -> HeartbeatReply:
    """An attempt that does not count any more is told to stop, and its sign of life is not kept."""
    job, pod = await find_attempt(tx, job_id, beat.attempt)
    if (reason := superseded(job, pod)) is not None:
        return HeartbeatReply(directive="stop", reason=reason)
    await pods.record_heartbeat(tx, job_id, beat.attempt, now, beat.step, beat.stage)
    if pod is not None and pod.draining and pod.result is None:
        return HeartbeatReply(directive="pause", reason=pod.reason)
    return HeartbeatReply(directive="continue")
