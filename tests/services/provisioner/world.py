"""The provisioner without a broker: real PostgreSQL and S3, machines in memory, time by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from faststream.nats import NatsBroker
from prometheus_client import CollectorRegistry
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import FakeClock
from chassis.database.engine import Database
from chassis.messaging.middleware import REQUEST_MIDDLEWARES, Inbox
from chassis.messaging.outbox import OUTBOX
from chassis.objects.store import ObjectStore
from chassis.problems import MEDIA_TYPE, ProblemError
from contracts import events
from contracts.envelope import Event, EventData, new_event
from contracts.gpus import GpuType, PricingTier
from contracts.hyperparameters import Hyperparameters
from contracts.problem import Problem
from contracts.registry import parse_event
from contracts.rpc.spec import PodRpc, Rpc
from services.provisioner.adapters.database_clock import DatabaseClock
from services.provisioner.adapters.repository import jobs, pods
from services.provisioner.adapters.tables import broker_users
from services.provisioner.application.queries.job_workspaces import JobWorkspaces
from services.provisioner.application.workers.context import WorkerContext
from services.provisioner.application.workers.create_pod import CreatePod
from services.provisioner.application.workers.metrics import Metrics
from services.provisioner.application.workers.pod_request import PodDefaults
from services.provisioner.application.workers.poll_pod import PollPod
from services.provisioner.application.workers.reconciler import Reconciler
from services.provisioner.application.workers.terminate_pod import TerminatePod
from services.provisioner.domain.model import Job, Pod
from services.provisioner.domain.policy import Policy, RetryPolicy, Timeouts
from services.provisioner.domain.request_rates import RequestRates
from services.provisioner.ports import BrokerAccess, BrokerAccount, PodCredentials
from services.provisioner.settings import Settings
from services.provisioner.subscribers import events as event_subscribers
from services.provisioner.subscribers import pod_requests, requests
from tests.services.provisioner.fake_provider import FakeProvider

WORKSPACE = UUID("00000000-0000-7000-8000-000000000001")
POLICY = Policy(
    RetryPolicy(interruptions=2, faults=3),
    Timeouts(poll_s=5.0, heartbeat_s=60, first_heartbeat_s=120, list_lag_s=2.0, gone_after_s=1.0),
)
HYPERPARAMETERS = Hyperparameters(
    lora_rank=8, lora_alpha=16, learning_rate=1e-4, num_epochs=2, per_device_train_batch_size=4,
    gradient_accumulation_steps=1,
)


class HandSetDatabaseClock(DatabaseClock):
    """The database's time as the test moves it."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock

    async def now(self, tx: AsyncConnection) -> datetime:
        return self._clock.now()


class FakeBroker:
    """Users by number, and whom it refuses. `away`: it does not answer."""

    def __init__(self) -> None:
        self.issued: list[str] = []
        self.accounts: dict[str, BrokerAccount] = {}
        self.away = False
        self.told = 0

    @property
    def refused(self) -> set[str]:
        return {user for account in self.accounts.values() for user in account.revoked}

    def new_account_key(self) -> str:
        return f"A{uuid4()}"

    def issue(self, account: str, job_id: UUID, lifetime_s: int) -> PodCredentials:
        self.issued.append(f"U{len(self.issued) + 1}")
        expires = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=lifetime_s)
        return PodCredentials(self.issued[-1], f"credentials of {self.issued[-1]}", expires)

    async def introduce(self, account: BrokerAccount) -> None:
        if self.away:
            raise ConnectionError("the broker is away")
        self.accounts.setdefault(account.key, account)

    async def publish(self, accounts: Sequence[BrokerAccount]) -> int:
        changed = [account for account in accounts if self.accounts.get(account.key) != account]
        self.told += len(changed)
        self.accounts |= {account.key: account for account in changed}
        return len(changed)


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
    """`deliver` an event as a durable would, `ask` as a pod or a service would, `settle` lets the workers work."""

    database: Database
    objects: ObjectStore
    provider: FakeProvider
    clock: FakeClock
    broker: FakeBroker
    policy: Policy = POLICY

    def __post_init__(self) -> None:
        self.context = WorkerContext(self.database, self.provider, self.policy, self.clock,
                                     Metrics(CollectorRegistry()), database_clock=HandSetDatabaseClock(self.clock))
        self.reconciler = self.new_reconciler()
        self.bus = self._bus()

    def new_reconciler(self, access: BrokerAccess | None = None, context: WorkerContext | None = None) -> Reconciler:
        context = context or self.context
        defaults = PodDefaults("nats://pods", 3.0, 100, 60.0, 3)
        return Reconciler(context, create=CreatePod(context, access or self.broker, defaults),
                          poll=PollPod(context, self.objects), terminate=TerminatePod(context), lease_s=15)

    def _bus(self) -> NatsBroker:
        """For FastStream's in-memory broker: what the service subscribes to, with inbox and problem documents."""
        bus = NatsBroker(serializer=None, logger=None)
        bus.include_router(event_subscribers.events.copy(), middlewares=(Inbox,))
        for router in (requests.requests, pod_requests.requests):
            bus.include_router(router.copy(), middlewares=REQUEST_MIDDLEWARES)
        settings = Settings(signed_url_lifetime_s=600)
        for name, value in {"database": self.database, "objects": self.objects, "provider": self.provider,
                            "clock": self.clock, "policy": self.policy, "settings": settings,
                            "database_clock": self.context.database_clock,
                            "job_workspaces": JobWorkspaces(self.database),
                            "request_rates": RequestRates(settings.request_rates())}.items():
            bus.context.set_global(name, value)
        return bus

    async def deliver(self, data: EventData, *, source: str = "/trainer") -> Event[Any]:
        """Raises what the handler raises."""
        event = new_event(data, source=source)
        await self.bus.publish(event.to_bytes(), event.subject)
        return event

    async def ask(self, rpc: Rpc[Any, Any] | PodRpc[Any, Any], request: Any, job_id: object = None) -> Any:
        """Raises the ProblemError that the asker gets."""
        subject = rpc.subject if isinstance(rpc, Rpc) else rpc.subject(job_id)
        reply = await self.bus.request(request.model_dump_json().encode(), subject, timeout=30)
        if reply.headers.get("content-type") == MEDIA_TYPE:
            raise ProblemError.from_problem(Problem.model_validate_json(reply.body))
        return rpc.reply.model_validate_json(reply.body)

    async def settle(self, seconds: float = 0.0) -> None:
        """Let time pass, then work until nothing is due."""
        self.clock.advance(seconds)
        while await self.reconciler.settle():
            pass

    async def started(self, **changes: Any) -> UUID:
        """A job whose first pod runs."""
        start = start_request(**changes)
        await self.deliver(start)
        await self.settle()
        return start.job_id

    async def published(self) -> list[Event[Any]]:
        async with self.database.read() as tx:
            rows = await tx.execute(select(OUTBOX.c.event).order_by(OUTBOX.c.position))
            return [parse_event(row.event.encode()) for row in rows]

    async def kinds(self) -> list[str]:
        """What was published, as `pod.requested a1`."""
        return [f"{e.data.subject_prefix()} a{e.data.attempt}" for e in await self.published()]

    async def job(self, job_id: UUID) -> Job:
        async with self.database.read() as tx:
            job = await jobs.read_job(tx, job_id)
        assert job is not None
        return job

    async def pods(self, job_id: UUID) -> list[Pod]:
        async with self.database.read() as tx:
            return await pods.pods_of(tx, job_id)

    async def users(self, job_id: UUID, attempt: int = 1) -> set[str]:
        """Broker users that a pod was given."""
        async with self.database.read() as tx:
            mine = broker_users.c.pod_name == f"job-{job_id}-a{attempt}"
            return set((await tx.execute(select(broker_users.c.user_key).where(mine))).scalars())

    async def leave_result(self, *results: Event[Any]) -> None:
        data = results[0].data
        key = f"{data.workspace_id}/{data.job_id}/a{data.attempt}/result.json"
        content = json.dumps([json.loads(result.to_bytes()) for result in results])
        await self.objects.put_bytes("model-artifacts", key, content.encode())


def seconds_from(moment: datetime, seconds: float) -> datetime:
    return moment + timedelta(seconds=seconds)
