"""Health, metrics and traces as probes, Prometheus and callers see them."""

import asyncio
import itertools
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from chassis.background import BackgroundTasks, backoff_s
from chassis.clock import FakeClock
from chassis.observability import tracing
from chassis.observability.health import CheckResult, Health
from chassis.web.observe import TELEMETRY
from chassis.web.operations import observe, operation_routes, probe_routes

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def health() -> Health:
    return Health("validator")


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def app(health: Health, registry: CollectorRegistry) -> FastAPI:
    tracing.configure("validator")
    app = FastAPI(telemetry=TELEMETRY)
    app.router.routes.extend(operation_routes(health, registry))
    observe(app, health, registry)
    return app


async def ready(client: httpx.AsyncClient) -> tuple[int, dict[str, Any]]:
    answer = await client.get("/health/ready")
    return answer.status_code, answer.json()


async def test_readiness_waits_for_the_start_and_ends_with_the_drain(client: httpx.AsyncClient, health: Health) -> None:
    health.waiting_for = "database"
    assert (await client.get("/health/live")).status_code == 200
    status, document = await ready(client)
    assert (status, document["status"], document["waiting_for"]) == (503, "starting", "database")
    health.started = True
    assert await ready(client) == (200, {"status": "ready", "service": "validator", "checks": {}})
    health.draining = True
    status, document = await ready(client)
    assert (status, document["status"]) == (503, "draining")
    assert (await client.get("/health/live")).status_code == 200


async def test_each_check_has_its_line(client: httpx.AsyncClient, health: Health) -> None:
    async def fine() -> CheckResult:
        return CheckResult(value=0.2)

    async def broken() -> None:
        raise ConnectionError("postgresql://u:hunter2@db refused")

    async def stopped() -> CheckResult:
        return CheckResult("failed", "cost-guard-jobs: stopped after 20 dead letters")

    health.started = True
    health.add("outbox", fine)
    health.add("redis", broken, critical=False)
    status, document = await ready(client)
    assert (status, document["status"]) == (200, "ready")
    assert document["checks"]["outbox"]["value"] == 0.2
    assert document["checks"]["redis"]["status"] == "degraded"
    assert "hunter2" not in str(document)
    health.add("database", broken)
    health.add("consumers", stopped)
    status, document = await ready(client)
    assert (status, document["status"]) == (503, "unready")
    assert document["checks"]["database"]["status"] == "failed"
    assert "20 dead letters" in document["checks"]["consumers"]["detail"]


async def test_a_public_port_says_ready_or_not_and_nothing_about_the_parts(health: Health) -> None:
    async def broken() -> None:
        raise ConnectionError("db-7.internal refused")

    health.started = True
    health.add("database", broken)
    app = Starlette(routes=probe_routes(health))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.get("/health/ready")
        assert (answer.status_code, answer.json()) == (503, {"status": "unready", "service": "validator"})
        assert (await client.get("/metrics")).status_code == 404


async def test_a_check_that_hangs_is_a_failure(client: httpx.AsyncClient, health: Health, monkeypatch: Any) -> None:
    monkeypatch.setattr("chassis.observability.health._CHECK_TIMEOUT_S", 0.05)
    health.started = True
    health.add("database", lambda: asyncio.sleep(60))
    status, document = await ready(client)
    assert status == 503
    assert "no answer" in document["checks"]["database"]["detail"]


async def test_metrics_are_labelled_by_route_template(app: FastAPI, client: httpx.AsyncClient) -> None:
    router = APIRouter(prefix="/api/training")

    @router.get("/jobs/{job_id}")
    async def get(job_id: str) -> str:
        return job_id

    app.include_router(router)
    for path in ("/api/training/jobs/one", "/api/training/jobs/two", "/secret/path/1"):
        await client.get(path)
    text = (await client.get("/metrics")).text
    assert 'http_requests_total{method="GET",route="/api/training/jobs/{job_id}",status="200"} 2.0' in text
    assert 'http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in text
    assert "jobs/one" not in text
    assert "/secret" not in text
    assert 'http_request_duration_seconds_count{method="GET",route="/api/training/jobs/{job_id}"} 2.0' in text
    assert "process_resident_memory_bytes" in text


async def test_trace_continues_the_callers(app: FastAPI, client: httpx.AsyncClient) -> None:
    @app.get("/trace")
    async def trace() -> str | None:
        return tracing.current_traceparent()

    answer = await client.get("/trace", headers={"traceparent": PARENT})
    inside = answer.json()
    assert inside.split("-")[1] == PARENT.split("-")[1]
    assert inside.split("-")[2] != PARENT.split("-")[2]
    assert answer.headers["traceparent"].split("-")[1] == PARENT.split("-")[1]
    fresh = await client.get("/trace", headers={"traceparent": "nonsense"})
    assert fresh.json().split("-")[1] != PARENT.split("-")[1]


def test_spans_of_events_continue_the_trace() -> None:
    tracing.configure("validator")
    with tracing.span_from(PARENT, "training.completed", job_id="j", nothing=None):
        assert tracing.current_trace_id() == PARENT.split("-")[1]
        with tracing.span("score"):
            assert tracing.current_trace_id() == PARENT.split("-")[1]
    assert tracing.current_traceparent() is None


async def test_background_tasks_restart_with_growing_pauses_and_report() -> None:
    clock = FakeClock()
    tasks, runs, done = BackgroundTasks(clock), [], asyncio.Event()

    async def flaky() -> None:
        runs.append(clock.monotonic())
        if len(runs) <= 4:
            raise ConnectionError("provider is away")
        done.set()
        await asyncio.Event().wait()

    async def short() -> None:
        return None

    tasks.add("reaper", flaky)
    tasks.add("once", short)
    tasks.start()
    await done.wait()
    pauses = [later - earlier for earlier, later in itertools.pairwise(runs)]
    assert pauses == sorted(pauses)
    assert 0.3 < pauses[0] < 0.6
    result = await tasks.check()
    assert (result.status, result.value) == ("failed", 1)
    assert "reaper failed 4 times" in result.detail
    await tasks.stop()
    with pytest.raises(ValueError, match="already"):
        tasks.add("reaper", flaky)


def test_backoff_is_bounded() -> None:
    assert all(22 <= backoff_s(failures) <= 30 for failures in (7, 20, 100, 500))


async def test_operations_on_a_worker(health: Health, registry: CollectorRegistry) -> None:
    app = Starlette(routes=operation_routes(health, registry))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        assert (await client.get("/health/live")).json()["service"] == "validator"


async def test_probes_are_not_traced(client: httpx.AsyncClient) -> None:
    assert "traceparent" not in (await client.get("/health/live")).headers


async def test_a_draining_service_tells_callers_to_come_back_elsewhere(
    client: httpx.AsyncClient, health: Health
) -> None:
    assert "connection" not in (await client.get("/health/live")).headers
    health.draining = True
    assert (await client.get("/health/live")).headers["connection"] == "close"
