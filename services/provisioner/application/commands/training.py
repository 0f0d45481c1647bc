"""What trainers report about an attempt, as far as its pod is concerned."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.messaging.retry import Permanent
from contracts.events import (
    CheckpointSaved,
    PodInterrupted,
    TrainingCompleted,
    TrainingFailed,
    TrainingPaused,
    TrainingStarted,
)
from services.provisioner.adapters.repository import checkpoints, jobs, pods
from services.provisioner.application.commands.attempts import (
    Ending,
    end_attempt,
    end_drain,
    let_finish,
    stop_pods,
)
from services.provisioner.domain.model import Job, JobState, Pod, Result
from services.provisioner.domain.policy import Policy
from services.provisioner.domain.retry_counters import Cause
from services.provisioner.domain.storage import owns

# RunPod kills five seconds after SIGTERM; asking for the pod's end earlier would take them away.
_SIGTERM_GRACE_S = 5.0


async def _lock_attempt(
    tx: AsyncConnection, data: TrainingCompleted | TrainingFailed | TrainingPaused | PodInterrupted
) -> tuple[Job, Pod] | None:
    """Job and pod if the attempt still counts and has no result yet."""
    job = await jobs.lock_job(tx, data.job_id)
    pod = await pods.lock_pod(tx, data.job_id, data.attempt)
    if job is None or pod is None or pod.attempt != job.attempt or pod.result is not None:
        return None
    return job, pod


async def complete_training(tx: AsyncConnection, done: TrainingCompleted, *, policy: Policy, now: datetime) -> None:
    found = await _lock_attempt(tx, done)
    if found is None:
        return
    job, pod = found
    await let_finish(tx, pod, Result.COMPLETED, policy, now)
    await jobs.end_job(tx, job.job_id, JobState.FINISHED, "completed", now)


async def fail_training(tx: AsyncConnection, failure: TrainingFailed, *, policy: Policy, now: datetime) -> None:
    """An error that a repetition may cure costs an attempt, any other ends the job."""
    found = await _lock_attempt(tx, failure)
    if found is None:
        return
    job, pod = found
    if pod.draining or (failure.retryable and job.active):
        ending = Ending(Cause.FAILED, failure.message, None, failure.error_type, failure.error_code,
                        policy.timeouts.finish_grace_s)
        await end_attempt(tx, job, pod, ending, policy=policy, now=now)
        await pods.change(tx, pod.pod_name, result=Result.FAILED)
        return
    await let_finish(tx, pod, Result.FAILED, policy, now)
    await jobs.end_job(tx, job.job_id, JobState.FINISHED, failure.message, now)
    await stop_pods(tx, job, failure.message, policy=policy, now=now)


async def interrupt_attempt(tx: AsyncConnection, event: PodInterrupted, *, policy: Policy, now: datetime) -> None:
    """The trainer had time to say that its machine is taken away."""
    found = await _lock_attempt(tx, event)
    if found is not None:
        ending = Ending(Cause.INTERRUPTED, event.reason or "SIGTERM", None, grace_s=_SIGTERM_GRACE_S)
        await end_attempt(tx, *found, ending, policy=policy, now=now)


async def pause_training(tx: AsyncConnection, said: TrainingPaused, *, policy: Policy, now: datetime) -> None:
    """The trainer saved what it had and ended, as it was asked to."""
    found = await _lock_attempt(tx, said)
    if found is None:
        return
    job, pod = found
    if pod.draining:
        await end_drain(tx, job, pod, pod.reason, policy=policy, now=now)
    await pods.change(tx, pod.pod_name, result=Result.PAUSED)


async def note_training_started(tx: AsyncConnection, started: TrainingStarted, *, now: datetime) -> None:
    await pods.record_heartbeat(tx, started.job_id, started.attempt, now, None, "")


async def save_checkpoint(tx: AsyncConnection, saved: CheckpointSaved, *, now: datetime) -> None:
    """Keep what can be resumed from. Raises Permanent when it names objects that are not the job's."""
    job = await jobs.lock_job(tx, saved.job_id)
    if job is None or job.workspace_id != saved.workspace_id or saved.attempt > job.attempt:
        raise Permanent(f"there is no attempt {saved.attempt} of job {saved.job_id}")
    for key in (saved.manifest_key, *(file.key for file in saved.files)):
        if not owns(saved.bucket, key, workspace_id=job.workspace_id, job_id=job.job_id):
            raise Permanent(f"'{saved.bucket}/{key}' is not an object of job {saved.job_id}")
    await checkpoints.insert_saved(tx, saved)
    await jobs.raise_best_step(tx, saved.job_id, saved.step)
    await pods.record_heartbeat(tx, saved.job_id, saved.attempt, now, saved.step, "")
