"""A sign of life, answered with whether to go on."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.rpc.pods import Heartbeat, HeartbeatReply
from services.provisioner.adapters.repository import pods
from services.provisioner.application.queries.attempts import find_attempt
from services.provisioner.domain.attempts import has_last_words, superseded


async def record_heartbeat(
    tx: AsyncConnection, job_id: UUID, beat: Heartbeat, now: datetime, *, lease_s: float
) -> HeartbeatReply:
    """An attempt that counts may go on for `lease_s`; any other is told to stop, and its sign of life is not kept.
    One that has just told of its own interruption is left its last seconds.
    """
    job, pod = await find_attempt(tx, job_id, beat.attempt)
    if (reason := superseded(job, pod)) is not None:
        saves = has_last_words(job, pod, now)
        return HeartbeatReply(directive="continue") if saves else HeartbeatReply(directive="stop", reason=reason)
    await pods.record_heartbeat(tx, job_id, beat.attempt, now, beat.step, beat.stage)
    if pod is not None and pod.draining and pod.result is None:
        return HeartbeatReply(directive="pause", reason=pod.reason, lease_s=lease_s)
    return HeartbeatReply(directive="continue", lease_s=lease_s)
