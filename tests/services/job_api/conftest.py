"""A running job_api over real PostgreSQL and NATS, with other services' answers given over a real bus."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
import uvicorn
from sqlalchemy import insert, select

from chassis.database.engine import Database
from chassis.messaging.bus import Bus
from chassis.messaging.inbox import INBOX
from chassis.messaging.requests import RequestRouter
from chassis.settings import ServiceSettings
from contracts.envelope import Event, EventData, new_event
from contracts.identifiers import uuid7
from contracts.registry import parse_event
from contracts.rpc import logs, metrics, pods, validation
from services.job_api.accounts import repository as accounts
from services.job_api.app import create_app
from services.job_api.bootstrap import bootstrap
from services.job_api.edge.auth import Role, new_api_key
from services.job_api.edge.auth.settings import JwtSettings
from services.job_api.settings import Settings
from services.job_api.signin.settings import OidcSettings
from services.job_api.tables import job_events, training_files, training_jobs
from tests.services.job_api.cost_guard import CostGuard, answering
from tests.services.job_api.waiting import eventually

WEBHOOK_SECRET = "a webhook secret for tests only"
JWT_SECRET = "a shared secret of at least thirty-two characters"


# Of each series that does not begin with 2.
FIRST = {"learning_rate": 0.0002}


def insight(saved: list[pods.CheckpointView], output: list[logs.NumberedLine]) -> RequestRouter:
    """metrics_ingest, the provisioner and the validator, as far as job_api asks them."""

    async def latest(request: metrics.LatestQuery) -> metrics.Latest:
        value = metrics.LatestValue(value=float("nan"), step=2, attempt=1, time=1.0)
        return metrics.Latest(metrics={"loss": value})

    async def series(request: metrics.RangeQuery) -> metrics.RangeReply:
        found = tuple(metrics.Series(metric=name, steps=(1, 2), times=(0.5, 1.0), attempts=(1, 1), total_points=2,
                                     values=(FIRST.get(name, 2.0), float("nan")), flagged_steps=(2,))
                      for name in request.metrics)
        return metrics.RangeReply(series=found, boundaries=(metrics.AttemptBoundary(attempt=1, resumed_from_step=0),))

    async def job_pods(request: pods.JobPodsQuery) -> pods.JobPods:
        pod = pods.PodView(pod_name=f"job-{request.job_id}-a1", attempt=1, provider="local", status="running",
                           gpu_type="local", pricing_tier="spot", requested_at=datetime.now(UTC))
        return pods.JobPods(pods=(pod,))

    async def log(request: pods.LogQuery) -> pods.LogPage:
        text = "step 1\nstep 2\n"[request.offset :][: request.max_bytes]
        return pods.LogPage(attempt=1, text=text, next_offset=request.offset + len(text), end=False)

    async def lines(request: logs.LogLinesQuery) -> logs.LogLinesPage:
        return logs.LogLinesPage(attempt=1 if output else None, lines=tuple(output))

    async def evaluation(request: validation.EvaluationQuery) -> validation.EvaluationView:
        lost = [validation.ConversationResult(conversation_key=f"c-{n}", group="calm", tokens=100,
                                              base_perplexity=20.0, trained_perplexity=30.0 - 10 * n) for n in range(2)]
        return validation.EvaluationView(
            found=True, attempt=1, perplexity_baseline=20.0, perplexity_trained=24.5, perplexity_improvement_pct=-22.5,
            confidence=0.95, verdict="too_few", method="cr2-t/1", independent_conversations=2,
            missing_conversations=8, worse_conversations=1, tokens=200, samples=2,
            conversations=tuple(lost[: request.limit]), updated_at=datetime.now(UTC))

    async def checkpoints(request: pods.JobCheckpointsQuery) -> pods.JobCheckpoints:
        return pods.JobCheckpoints(checkpoints=tuple(saved))

    return answering({
        pods.JOB_CHECKPOINTS: checkpoints,
        metrics.LATEST: latest, metrics.RANGE: series, pods.JOB_PODS: job_pods, pods.POD_LOG: log,
        logs.LOG_LINES: lines,
        validation.EVALUATION: evaluation})


class Api:
    """The API under test and what a test needs around it."""

    def __init__(self, app: Any, database: Database, jetstream: Any, cost_guard: CostGuard, url: str,
                 credentials: dict[str, Any], nats_url: str) -> None:
        self.app, self.database, self.jetstream, self.cost_guard = app, database, jetstream, cost_guard
        self.url, self.credentials, self.nats_url = url, credentials, nats_url
        self.workspace_id = UUID(credentials["workspace_id"])
        # What the provisioner has of every job, the furthest step first.
        self.checkpoints: list[pods.CheckpointView] = []
        # What the trainer of every job has printed.
        self.output: list[logs.NumberedLine] = []
        self.client = self.as_key(credentials["api_key"])

    def as_key(self, key: str) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return httpx.AsyncClient(base_url=f"{self.url}/api/training", headers=headers, timeout=30)

    async def member(self, *roles: Role, workspace_id: UUID | None = None) -> httpx.AsyncClient:
        """A client with a new key of these roles; another workspace is made when it does not exist."""
        workspace, key = workspace_id or self.workspace_id, new_api_key()
        async with self.database.transaction() as tx:
            await accounts.ensure_workspace(tx, workspace, "Other")
            user = await accounts.ensure_user(tx, f"{key.prefix}@example.com")
            await accounts.add_roles(tx, workspace, user, list(roles))
            await accounts.add_api_key(tx, workspace_id=workspace, user_id=user, key=key, name="test",
                                       roles=list(roles), created_by=str(user))
        return self.as_key(key.secret)

    async def add_file(self, *, workspace_id: UUID | None = None, status: str = "ready", **values: Any) -> str:
        file_id = uuid7()
        row = {"id": file_id, "workspace_id": workspace_id or self.workspace_id, "name": "eq-12.json",
               "format": "brightrun_json", "status": status, "bucket": "training-files", "source_key": "s",
               "source_sha256": "0", "size_bytes": 10, "normalised_key": "n", "normalised_sha256": "1", "records": 89,
               "conversations": 12, "trainable_turns": 44, "tokens": 24_310, "created_by": "test"}
        async with self.database.transaction() as tx:
            await tx.execute(insert(training_files).values(**(row | values)))
        return str(file_id)

    async def new_job(self, **body: Any) -> dict[str, Any]:
        file_id = body.pop("training_file_id", None) or await self.add_file()
        response = await self.client.post("/jobs", json={"training_file_id": file_id, **body})
        assert response.status_code == 201, response.text
        return response.json()

    async def running_job(self, **body: Any) -> dict[str, Any]:
        return await self.new_job(start=True, **body)

    async def job(self, job_id: str) -> dict[str, Any]:
        return (await self.client.get(f"/jobs/{job_id}")).json()

    async def tell(self, data: EventData, **envelope: Any) -> Event[Any]:
        """Publish an event as another service or a trainer would."""
        event = new_event(data, source="/test", **envelope)
        await self.jetstream.publish(event.subject, event.to_bytes(), headers={"Nats-Msg-Id": str(event.id)})
        return event

    async def until(self, job_id: str, condition: Any, timeout_s: float = 60) -> dict[str, Any]:
        """The job once the condition holds."""

        async def met() -> dict[str, Any] | None:
            job = await self.job(job_id)
            return job if condition(job) else None

        return await eventually(met, timeout_s)

    async def row(self, job_id: str) -> Any:
        async with self.database.read() as tx:
            return (await tx.execute(select(training_jobs).where(training_jobs.c.id == UUID(job_id)))).mappings().one()

    async def log(self, job_id: str) -> list[Any]:
        statement = select(job_events).where(job_events.c.job_id == UUID(job_id)).order_by(job_events.c.seq)
        async with self.database.read() as tx:
            return list((await tx.execute(statement)).mappings())

    async def was_taken(self, event: Event[Any]) -> bool:
        """Whether a durable of ours has committed this event's effect."""
        statement = select(INBOX.c.consumer).where(INBOX.c.event_id == event.id)
        async with self.database.read() as tx:
            return (await tx.execute(statement)).first() is not None

    async def published(self, stream: str, subject: str, count: int, timeout_s: float = 60) -> list[Event[Any]]:
        """The first `count` events of a stream that match, waiting for the relay."""
        found: list[Event[Any]] = []
        sequence = 1
        async with asyncio.timeout(timeout_s):
            while len(found) < count:
                try:
                    message = await self.jetstream.get_msg(stream, seq=sequence, next=True, subject=subject)
                except Exception:
                    await asyncio.sleep(0.05)
                    continue
                found.append(parse_event(message.data))
                sequence = message.seq + 1
        return found

    def about(self, job: dict[str, Any], attempt: int = 1) -> dict[str, Any]:
        return {"job_id": job["id"], "workspace_id": self.workspace_id, "attempt": attempt}

    def pod(self, job: dict[str, Any], attempt: int = 1) -> dict[str, Any]:
        return self.about(job, attempt) | {"pod_name": f"job-{job['id']}-a{attempt}"}

    @asynccontextmanager
    async def others(self) -> AsyncIterator[None]:
        """The other services answer while this is open."""
        buses = []
        answers = (("cost_guard", self.cost_guard.requests()),
                   ("metrics_ingest", insight(self.checkpoints, self.output)))
        for service, router in answers:
            bus = Bus(ServiceSettings(service_name=service, nats_url=self.nats_url))
            bus.include(router)
            await bus.start()
            buses.append(bus)
        try:
            yield
        finally:
            for bus in buses:
                await bus.stop()


@asynccontextmanager
async def served(
    settings: Settings, jwt: JwtSettings | None = None, oidc: OidcSettings | None = None
) -> AsyncIterator[Any]:
    """The app behind a real HTTP server, so that streams stream."""
    app = create_app(settings, jwt, oidc)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=settings.http_port, log_config=None,
                                           timeout_graceful_shutdown=1, lifespan="on"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done()
        await asyncio.sleep(0.01)
    yield app
    app.state.runtime.begin_drain()
    server.should_exit = True
    await task


@pytest.fixture
def told() -> dict[str, Any]:
    """Settings that a test module has otherwise."""
    return {}


@pytest_asyncio.fixture
async def alone(fresh_database, settings_for, topology, jetstream, tmp_path: Path, told) -> AsyncIterator[Api]:
    """job_api while no other service runs."""
    database = await fresh_database("services.job_api")
    usual = {"webhook_secret": WEBHOOK_SECRET, "rate_limits": False, "stream_heartbeat_s": 0.3, "max_streams": 4,
             "max_streams_per_workspace": 3, "max_streams_per_caller": 2,
             "max_active_jobs_per_user": 0, "max_active_jobs_per_workspace": 0}
    settings = Settings(**settings_for("job_api", **({"database_url": database.url} | usual | told)))
    jwt = JwtSettings(issuer="https://issuer.test", secret=JWT_SECRET)
    async with served(settings, jwt) as app:
        url = f"http://127.0.0.1:{settings.http_port}"
        credentials = await bootstrap(database, tmp_path / "credentials.json", url)
        yield Api(app, database, jetstream, CostGuard(), url, credentials, topology.url)


@pytest_asyncio.fixture
async def api(alone: Api) -> AsyncIterator[Api]:
    """job_api with everybody it asks."""
    async with alone.others():
        yield alone
