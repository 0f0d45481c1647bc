"""The provisioner without a broker: real PostgreSQL and S3, machines in memory, time by hand."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from prometheus_client import CollectorRegistry
from sqlalchemy import select

from chassis.clock import FakeClock
from chassis.database.engine import Database
from chassis.objects.store import ObjectStore
from contracts import events
from contracts.envelope import Event, EventData, new_event
from contracts.gpus import GpuType, PricingTier
from contracts.hyperparameters import Hyperparameters
from contracts.registry import parse_event
from services.provisioner.creation import Creation
from services.provisioner.domain.limits import Limits
from services.provisioner.domain.model import Job, Pod
from services.provisioner.handlers import Handlers
from services.provisioner.leases import Toolbox
from services.provisioner.metrics import Metrics
from services.provisioner.orders import PodDefaults
from services.provisioner.pod_desk import PodDesk
from services.provisioner.ports import CredentialIssuer, PodCredentials
from services.provisioner.reconciler import Reconciler
from services.provisioner.removal import Removal
from services.provisioner.repository import jobs, pods
from services.provisioner.tables import outbox
from services.provisioner.watching import Watching
from tests.services.provisioner.fake_provider import FakeProvider

WORKSPACE = UUID("00000000-0000-7000-8000-000000000001")
LIMITS = Limits(interruptions=2, faults=3, poll_s=5.0, heartbeat_s=60, first_heartbeat_s=120)
HYPERPARAMETERS = Hyperparameters(
    lora_rank=8, lora_alpha=16, learning_rate=1e-4, num_epochs=2, per_device_train_batch_size=4,
    gradient_accumulation_steps=1,
)


class FakeUsers:
    """Broker users by number, and which of them were revoked."""

    def __init__(self) -> None:
        self.issued: list[str] = []
        self.revoked: set[str] = set()

    def issue(self, job_id: UUID, lifetime_s: int) -> PodCredentials:
        self.issued.append(f"U{len(self.issued) + 1}")
        return PodCredentials(self.issued[-1], f"credentials of {self.issued[-1]}")

    async def revoke(self, users: tuple[str, ...]) -> None:
        self.revoked |= set(users)


def start_request(job_id: UUID | None = None, **changes: Any) -> events.JobStartRequested:
    return events.JobStartRequested(**{
        "job_id": job_id or uuid4(), "workspace_id": WORKSPACE, "job_name": "a job", "requested_by": "someone",
        "training_file": events.TrainingFileReference(
            training_file_id=uuid4(), bucket="training-files", key="files/normalised.jsonl", sha256="ab" * 32,
            conversations=10, trainable_turns=20, tokens=1000),
        "hyperparameters": HYPERPARAMETERS, "base_model": "tiny", "gpu_type": GpuType.LOCAL,
        "pricing_tier": PricingTier.SPOT, "max_duration_s": 3600, "reservation_id": uuid4(),
        "estimated_cost_micro_usd": 1, "estimated_duration_s": 60, **changes,
    })


def about(job_id: UUID, attempt: int, **more: Any) -> dict[str, Any]:
    return {"job_id": job_id, "workspace_id": WORKSPACE, "attempt": attempt, "sequence": 1, **more}


def completed(job_id: UUID, attempt: int = 1) -> events.TrainingCompleted:
    return events.TrainingCompleted(**about(
        job_id, attempt, bucket="model-artifacts", artifacts=(), base_model="tiny", total_steps=10, epochs=2,
        training_seconds=5, completed_at=datetime.now(UTC)))


def failed(job_id: UUID, attempt: int = 1, *, retryable: bool = False) -> events.TrainingFailed:
    return events.TrainingFailed(**about(
        job_id, attempt, error_type="dataset", message="it does not work", suggested_fix="do it otherwise",
        retryable=retryable, failed_at=datetime.now(UTC)))


def checkpoint(job_id: UUID, step: int, attempt: int = 1, **changes: Any) -> events.CheckpointSaved:
    prefix = f"{WORKSPACE}/{job_id}/a{attempt}/step-{step}"
    return events.CheckpointSaved(**about(job_id, attempt, **{
        "step": step, "bucket": "training-checkpoints", "prefix": prefix, "manifest_key": f"{prefix}/manifest.json",
        "manifest_sha256": "cd" * 32, "size_bytes": 7, "saved_at": datetime.now(UTC),
        "files": (events.CheckpointFile(path="x", key=f"{prefix}/x.bin", size_bytes=7, sha256="ef" * 32),), **changes}))


def sigterm(job_id: UUID, attempt: int = 1) -> events.PodInterrupted:
    return events.PodInterrupted(**about(
        job_id, attempt, pod_name="a pod", detected_by="sigterm", reason="SIGTERM", interrupted_at=datetime.now(UTC)))


@dataclass
class World:
    database: Database
    objects: ObjectStore
    provider: FakeProvider
    clock: FakeClock
    users: FakeUsers
    limits: Limits = LIMITS

    def __post_init__(self) -> None:
        self.tools = Toolbox(self.database, self.provider, self.limits, self.clock, Metrics(CollectorRegistry()))
        self.handlers = Handlers(provider="local", limits=self.limits, clock=self.clock)
        self.desk = PodDesk(self.database, self.objects, self.clock, url_lifetime_s=600)
        self.reconciler = self.new_reconciler()

    def new_reconciler(self, credentials: CredentialIssuer | None = None) -> Reconciler:
        defaults = PodDefaults("nats://pods", 3.0, 100, 60.0, 3)
        return Reconciler(self.tools, creation=Creation(self.tools, credentials or self.users, defaults),
                          watching=Watching(self.tools, self.objects), removal=Removal(self.tools), lease_s=15)

    async def hear(self, data: EventData, *, source: str = "/trainer") -> Event[Any]:
        event = new_event(data, source=source)
        async with self.database.transaction() as tx:
            await self.handlers.by_event()[type(data)](event, tx)
        return event

    async def settle(self, seconds: float = 0.0) -> None:
        """Let time pass, then work until nothing is due."""
        self.clock.advance(seconds)
        while await self.reconciler.settle():
            pass

    async def started(self, **changes: Any) -> UUID:
        """A job whose first pod runs."""
        start = start_request(**changes)
        await self.hear(start)
        await self.settle()
        return start.job_id

    async def said(self) -> list[Event[Any]]:
        async with self.database.read() as tx:
            rows = await tx.execute(select(outbox.c.event).order_by(outbox.c.position))
            return [parse_event(row.event.encode()) for row in rows]

    async def kinds(self) -> list[str]:
        """What was said, as `pod.requested a1`."""
        return [f"{e.data.subject_prefix()} a{e.data.attempt}" for e in await self.said()]

    async def job(self, job_id: UUID) -> Job:
        async with self.database.read() as tx:
            job = await jobs.read_job(tx, job_id)
        assert job is not None
        return job

    async def pods(self, job_id: UUID) -> list[Pod]:
        async with self.database.read() as tx:
            return await pods.pods_of(tx, job_id)

    async def leave_result(self, *results: Event[Any]) -> None:
        data = results[0].data
        key = f"{data.workspace_id}/{data.job_id}/a{data.attempt}/result.json"
        content = json.dumps([json.loads(result.to_bytes()) for result in results])
        await self.objects.put_bytes("model-artifacts", key, content.encode())


def seconds_from(moment: datetime, seconds: float) -> datetime:
    return moment + timedelta(seconds=seconds)
