"""Facts about pods, published by the transaction that made them true."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.messaging.outbox import emit
from contracts.envelope import new_event
from contracts.events import (
    InterruptionSource,
    PodFailed,
    PodInterrupted,
    PodRequested,
    PodRunning,
    PodTerminated,
    PodWaiting,
)
from contracts.events.pod import PodEvent
from services.provisioner.adapters.repository import pods
from services.provisioner.domain.attempts import GiveUp
from services.provisioner.domain.billing import BilledInterval
from services.provisioner.domain.model import Job, Pod

SOURCE = "/services/provisioner"


async def _publish(tx: AsyncConnection, job: Job, pod: Pod, kind: type[PodEvent], **facts: Any) -> None:
    data = kind(job_id=pod.job_id, workspace_id=pod.workspace_id, attempt=pod.attempt,
                sequence=await pods.next_sequence(tx, pod.pod_name), pod_name=pod.pod_name, **facts)
    await emit(tx, new_event(data, source=SOURCE, traceparent=job.traceparent))


def _machine(pod: Pod) -> dict[str, Any]:
    return {"provider": pod.provider, "gpu_type": pod.gpu_type, "pricing_tier": pod.pricing_tier}


async def publish_requested(tx: AsyncConnection, job: Job, pod: Pod, reason: str = "") -> None:
    await _publish(tx, job, pod, PodRequested, **_machine(pod), reason=reason)


async def publish_waiting(tx: AsyncConnection, job: Job, pod: Pod, ahead: int, since: datetime, reason: str) -> None:
    await _publish(tx, job, pod, PodWaiting, **_machine(pod), ahead=ahead, waiting_since=since, reason=reason)


async def publish_running(tx: AsyncConnection, job: Job, pod: Pod, provider_pod_id: str, since: datetime) -> None:
    await _publish(tx, job, pod, PodRunning, **_machine(pod), **asdict(pod.price), provider_pod_id=provider_pod_id,
                   running_since=since)


async def publish_interrupted(
    tx: AsyncConnection, job: Job, pod: Pod, detected_by: InterruptionSource, reason: str, at: datetime
) -> None:
    await _publish(tx, job, pod, PodInterrupted, detected_by=detected_by, reason=reason, last_step=pod.last_step,
                   interrupted_at=at)


async def publish_failed(tx: AsyncConnection, job: Job, pod: Pod, why: GiveUp) -> None:
    await _publish(tx, job, pod, PodFailed, error_type=why.error_type, error_code=why.error_code,
                   message=why.message, suggested_fix=why.suggested_fix, context=dict(why.facts))


async def publish_terminated(
    tx: AsyncConnection, job: Job, pod: Pod, exit_code: int | None, billed: BilledInterval
) -> None:
    await _publish(tx, job, pod, PodTerminated, **_machine(pod), **asdict(pod.price), running_since=billed.since,
                   terminated_at=billed.until, exit_code=exit_code, reason=pod.reason)
