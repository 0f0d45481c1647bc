"""A whole service process over the real parts: starts in any order, says what it waits for, drains on SIGTERM."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import MetaData

from chassis.database.engine import Database
from chassis.messaging.tables import add_messaging_tables
from chassis.runtime import ServiceRuntime, worker_app
from chassis.settings import ServiceSettings
from stack.parts import NatsPart, free_port

METADATA = MetaData()
add_messaging_tables(METADATA)
SettingsFactory = Callable[..., dict[str, Any]]
DatabaseWith = Callable[[MetaData], Awaitable[Database]]


@asynccontextmanager
async def running(runtime: ServiceRuntime) -> AsyncIterator[httpx.AsyncClient]:
    app = worker_app(runtime)
    async with (
        runtime.lifespan(),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        yield client


async def eventually(client: httpx.AsyncClient, status: int) -> dict[str, Any]:
    for _ in range(200):
        answer = await client.get("/health/ready")
        if answer.status_code == status:
            return dict(answer.json())
        await asyncio.sleep(0.1)
    raise AssertionError(f"never {status}: {answer.json()}")


async def nats_is(client: httpx.AsyncClient, status: str) -> dict[str, Any]:
    for _ in range(200):
        document = (await client.get("/health/ready")).json()
        if document["checks"]["nats"]["status"] == status:
            return dict(document)
        await asyncio.sleep(0.1)
    raise AssertionError(f"NATS never {status}: {document}")


async def test_ready_with_every_part(
    settings_for: SettingsFactory, topology: NatsPart, database_with: DatabaseWith
) -> None:
    database = await database_with(METADATA)
    settings = ServiceSettings(**settings_for("validator", database_url=database.url))
    runtime = ServiceRuntime(settings, metadata=METADATA, with_redis=True, with_objects=True)
    beats: list[int] = []

    async def beat() -> None:
        beats.append(1)
        await asyncio.Event().wait()

    runtime.background("beat", beat)
    async with running(runtime) as client:
        document = await eventually(client, 200)
        assert set(document["checks"]) == {
            "database", "nats", "consumers", "losses", "outbox", "background", "redis", "s3"}
        assert {check["status"] for check in document["checks"].values()} == {"ok"}
        assert beats == [1]
        assert await runtime.redis.ping()
        runtime.begin_drain()
        assert (await client.get("/health/ready")).json()["status"] == "draining"


async def test_parts_not_asked_for_do_not_exist(settings_for: SettingsFactory, empty_database: str) -> None:
    runtime = ServiceRuntime(ServiceSettings(**settings_for("x", database_url=empty_database)), metadata=MetaData())
    with pytest.raises(RuntimeError, match="with_redis"):
        _ = runtime.redis
    with pytest.raises(RuntimeError, match="with_objects"):
        _ = runtime.objects
    await runtime.database.dispose()


async def test_starts_before_its_parts_and_becomes_ready(
    settings_for: SettingsFactory, nats_server: NatsPart, database_with: DatabaseWith
) -> None:
    database = await database_with(METADATA)
    nats_server.kill()
    overrides = {"database_url": database.url, "nats_url": nats_server.url, "startup_wait_s": 0.3}
    runtime = ServiceRuntime(ServiceSettings(**settings_for("validator", **overrides)), metadata=METADATA)
    async with running(runtime) as client:
        assert (await client.get("/health/live")).status_code == 200
        document = (await client.get("/health/ready")).json()
        assert (document["status"], document["waiting_for"]) == ("starting", "nats")
        nats_server.start()
        assert (await eventually(client, 200))["checks"]["nats"]["status"] == "ok"
        nats_server.kill()
        down = await nats_is(client, "degraded")
        assert down["status"] == "ready"  # what needs no message can still be answered
        assert down["checks"]["nats"]["detail"] == "NATS is not connected"
        nats_server.start()
        await nats_is(client, "ok")


async def test_waits_for_the_database(settings_for: SettingsFactory, topology: NatsPart) -> None:
    url = f"postgresql+asyncpg://nobody@127.0.0.1:{free_port()}/nothing"
    settings = ServiceSettings(**settings_for("validator", database_url=url, startup_wait_s=0.2))
    async with running(ServiceRuntime(settings, metadata=METADATA)) as client:
        document = (await client.get("/health/ready")).json()
        assert (document["status"], document["waiting_for"]) == ("starting", "database")


PROGRAM = """
import asyncio
from sqlalchemy import MetaData
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from contextlib import asynccontextmanager
from chassis.web import problems
from chassis.messaging.outbox import outbox_table
from chassis.runtime import ServiceRuntime, mount_operations, operations_app, serve
from chassis.settings import ServiceSettings

settings = ServiceSettings()
metadata = MetaData()
outbox_table(metadata)
runtime = ServiceRuntime(settings, metadata=metadata)

@asynccontextmanager
async def lifespan(app):
    async with runtime.lifespan():
        yield

app = FastAPI(lifespan=lifespan)
problems.install(app)
mount_operations(app, runtime)

@app.get("/slow")
async def slow():
    await asyncio.sleep(1)
    return "done"

@app.get("/stream")
async def stream():
    async def events():
        yield "event: one\\n\\n"
        await runtime.stopping.wait()
        yield "event: bye\\n\\n"
    return StreamingResponse(events(), media_type="text/event-stream")

serve(app, settings, operations=operations_app(runtime))
"""


async def test_sigterm_drains(
    environment_for: Callable[..., dict[str, str]], topology: NatsPart, database_with: DatabaseWith, tmp_path: Path
) -> None:
    database = await database_with(METADATA)
    environment = environment_for("validator", database_url=database.url, log_level="INFO")
    port = environment["BRIGHTRUN_HTTP_PORT"]
    process = await _program(tmp_path, environment)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        await _answers(client)
        slow = asyncio.create_task(client.get("/slow"))
        async with client.stream("GET", "/stream") as stream:
            lines = stream.aiter_lines()
            assert await anext(lines) == "event: one"
            await asyncio.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            assert [line async for line in lines if line] == ["event: bye"]
        assert (await slow).json() == "done"
    output, _ = await asyncio.wait_for(process.communicate(), 20)
    assert b'"event":"stopped"' in output
    assert all(line.startswith(b'{"time":') for line in output.splitlines())


async def test_the_operators_port_tells_the_details_as_long_as_the_process_lives(
    environment_for: Callable[..., dict[str, str]], topology: NatsPart, database_with: DatabaseWith, tmp_path: Path
) -> None:
    database = await database_with(METADATA)
    environment = environment_for(
        "validator", database_url=database.url, operations_port=free_port(), operations_host="127.0.0.2", drain_s=2)
    public, details = (httpx.AsyncClient(base_url=url, timeout=30) for url in (
        f"http://127.0.0.1:{environment['BRIGHTRUN_HTTP_PORT']}",
        f"http://127.0.0.2:{environment['BRIGHTRUN_OPERATIONS_PORT']}"))
    process = await _program(tmp_path, environment)
    async with public, details:
        await _answers(public)
        assert "checks" not in (await public.get("/health/ready")).json()
        assert (await public.get("/metrics")).status_code == 404
        assert (await details.get("/health/ready")).json()["checks"]["database"]["status"] == "ok"
        assert "http_requests_total" in (await details.get("/metrics")).text
        process.send_signal(signal.SIGTERM)
        while (answer := await details.get("/health/ready")).status_code == 200:
            await asyncio.sleep(0.02)
        assert answer.json()["status"] == "draining"
        answer = await public.get("/health/live")
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
    assert await asyncio.wait_for(process.wait(), 20) in (0, -signal.SIGTERM)


async def _program(folder: Path, environment: dict[str, str]) -> asyncio.subprocess.Process:
    (folder / "program.py").write_text(PROGRAM)
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(folder / "program.py"),
        env={**os.environ, **environment, "PYTHONPATH": os.getcwd()},
        stdout=asyncio.subprocess.PIPE,
    )


async def _answers(client: httpx.AsyncClient) -> None:
    for _ in range(300):
        try:
            if (await client.get("/health/ready")).status_code == 200:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.1)
    raise AssertionError("the service never became ready")
