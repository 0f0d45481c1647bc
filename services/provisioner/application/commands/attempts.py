"""One attempt ends, the next begins: always under the lock of the job."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.error_taxonomy import TrainingErrorType
from contracts.events import InterruptionSource
from services.provisioner.adapters.repository import jobs, leases, lines, pods
from services.provisioner.application import pod_events
from services.provisioner.domain.attempts import GiveUp, can_save, next_attempt, tier_for, tier_reason
from services.provisioner.domain.model import LIVE, Job, JobState, Pod, PodStatus, Result
from services.provisioner.domain.names import pod_name
from services.provisioner.domain.policy import Policy
from services.provisioner.domain.retry_counters import Cause, RetryCounters, count


@dataclass(frozen=True)
class Ending:
    """Why an attempt ended early. `detected_by` None: the trainer has said so itself, it is not published again.

    `grace_s`: how long the machine may still work (RunPod gives 5 s after SIGTERM) before its end is asked for.
    """

    cause: Cause
    reason: str
    detected_by: InterruptionSource | None = InterruptionSource.PROVIDER
    error_type: TrainingErrorType = TrainingErrorType.UNKNOWN
    error_code: str | None = None
    grace_s: float = 0.0


async def request_attempt(
    tx: AsyncConnection, job: Job, attempt: int, counters: RetryCounters, *, provider: str, now: datetime,
    delay_s: float = 0.0, replaces: Pod | None = None,
) -> None:
    """Save the intent, publish it, and have the reconciler ask the provider after `delay_s`. An attempt that `replaces`
    a lost one takes its place in line."""
    assert job.spec is not None
    name = pod_name(job.job_id, attempt)
    await jobs.begin_attempt(tx, job.job_id, attempt)
    await pods.insert_pod(
        tx, pod_name=name, job_id=job.job_id, workspace_id=job.workspace_id, attempt=attempt, provider=provider,
        gpu_type=job.spec.gpu_type, pricing_tier=tier_for(job.spec.pricing_tier, counters), requested_at=now,
        due_at=now + timedelta(seconds=delay_s),
        in_line_since=(replaces.in_line_since or replaces.requested_at) if replaces else None,
    )
    pod = await pods.lock_pod(tx, job.job_id, attempt)
    assert pod is not None
    if not (await lines.ahead(tx, pod, now)).waiting:  # otherwise the reconciler tells its place in line
        await pod_events.publish_requested(tx, job, pod, tier_reason(job.spec.pricing_tier, counters))
    await leases.notify(tx)


async def end_attempt(
    tx: AsyncConnection, job: Job, pod: Pod, ending: Ending, *, policy: Policy, now: datetime
) -> None:
    """Stop this pod and either begin the next attempt or give the job up.

    Does nothing for an attempt that does not count any more: an old one, or one of a job that ended. However one ends
    that was asked to save and end, it costs no patience.
    """
    if pod.draining and pod.attempt == job.attempt:
        await end_drain(tx, job, pod, pod.reason, policy=policy, now=now)
        return
    if not job.active or pod.attempt != job.attempt or pod.status is PodStatus.TERMINATING:
        return
    await stop_pod(tx, pod, ending.reason, now, grace_s=ending.grace_s, interrupted_at=now)
    if ending.detected_by is not None:
        await pod_events.publish_interrupted(tx, job, pod, ending.detected_by, ending.reason, now)
    counters = count(job.counters, ending.cause, job.best_step)
    await jobs.save_counters(tx, job.job_id, counters)
    decision = next_attempt(counters, ending.cause, policy.retry, reason=ending.reason, error_type=ending.error_type,
                            error_code=ending.error_code)
    if isinstance(decision, GiveUp):
        await give_up(tx, job, pod, decision, policy=policy, now=now)
    else:
        await request_attempt(tx, job, pod.attempt + 1, counters, provider=pod.provider, now=now,
                              delay_s=decision.delay_s, replaces=pod)


async def drain(tx: AsyncConnection, job: Job, pod: Pod, reason: str, *, policy: Policy, now: datetime) -> None:
    """Have this attempt save a checkpoint and end; one that cannot, or has no work to save, ends at once."""
    if pod.draining or pod.status not in LIVE or pod.result is not None:
        return
    if not can_save(pod):
        await end_drain(tx, job, pod, reason, policy=policy, now=now)
        return
    drain_by = now + timedelta(seconds=policy.timeouts.pause_grace_s)
    await pods.change(tx, pod.pod_name, drain_by=drain_by, reason=reason[:500])


async def end_drain(tx: AsyncConnection, job: Job, pod: Pod, reason: str, *, policy: Policy, now: datetime) -> None:
    """The attempt is over by its user's wish. The next one begins, unless the job is paused or has ended."""
    grace_s = policy.timeouts.stop_grace_s if can_save(pod) else 0.0
    await stop_pod(tx, pod, reason, now, grace_s=grace_s, interrupted_at=now)
    if job.active:
        await request_attempt(
            tx, job, pod.attempt + 1, job.counters, provider=pod.provider, now=now, replaces=pod)


async def give_up(
    tx: AsyncConnection, job: Job, pod: Pod, why: GiveUp, *, policy: Policy, now: datetime
) -> None:
    """No further attempt: the user is told, and nothing of the job keeps running."""
    await pod_events.publish_failed(tx, job, pod, why)
    await jobs.end_job(tx, job.job_id, JobState.FINISHED, why.message, now)
    await stop_pods(tx, job, why.message, policy=policy, now=now)


async def stop_pods(tx: AsyncConnection, job: Job, reason: str, *, policy: Policy, now: datetime) -> None:
    """End every pod of the job. One whose trainer has already finished may close by itself first."""
    for pod in await pods.pods_of(tx, job.job_id):
        if pod.status in LIVE and pod.result is None:
            speaks = pod.status is PodStatus.RUNNING and pod.last_heartbeat_at is not None
            await stop_pod(tx, pod, reason, now, grace_s=policy.timeouts.stop_grace_s if speaks else 0.0)


async def stop_pod(
    tx: AsyncConnection, pod: Pod, reason: str, now: datetime, *, grace_s: float = 0.0,
    interrupted_at: datetime | None = None,
) -> None:
    end = now + timedelta(seconds=grace_s)
    await pods.change(tx, pod.pod_name, status=PodStatus.TERMINATING, reason=reason[:500], due_at=end,
                      interrupted_at=interrupted_at, last_words_until=end if interrupted_at and grace_s else None)
    await leases.notify(tx)
    if pod.provider_pod_id is None:
        await lines.wake_first(tx, pod, now)


async def let_finish(tx: AsyncConnection, pod: Pod, result: Result, policy: Policy, now: datetime) -> None:
    """The trainer has said its last word; it may end by itself before it is stopped."""
    if pod.status not in LIVE:
        await pods.change(tx, pod.pod_name, result=result)
        return
    stop_by = now + timedelta(seconds=policy.timeouts.finish_grace_s)
    await pods.change(tx, pod.pod_name, result=result, stop_by=stop_by, due_at=stop_by)
