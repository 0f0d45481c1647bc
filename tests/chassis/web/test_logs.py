"""One JSON object per line with the context of the request, and no secret in it."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from chassis.observability import logs, tracing
from chassis.observability.health import Health
from chassis.observability.redaction import redact, redact_value
from chassis.web.operations import observe

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Lines]:
    """What is written to stdout while the test runs, parsed."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    server = logging.getLogger("uvicorn.error")  # servers of other tests in this process made it quieter
    levels = [(logger, logger.level) for logger in (server, server.parent or root)]
    for logger, _ in levels:
        logger.setLevel(logging.NOTSET)
    logs.configure("cost_guard", "INFO")
    tracing.configure("cost_guard")
    yield lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    root.handlers[:], root.level = before, level
    for logger, before_level in levels:
        logger.setLevel(before_level)
    structlog.reset_defaults()


SECRETS = {
    "api key": "br_" + "Ab3" * 16,
    "bearer": "Bearer abcdefghijklmnop",
    "header": "Authorization: Basic dXNlcjpwYXNz",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_-def",
    "nats seed": "SUAO7ZDVNWBQOGKKYFNXCUQ5UWHKPAMBG7RNQYVCNCYMUQUBPCKXIY4ARQ"[:58],
    "presigned": "http://s3/b/k?X-Amz-Credential=AK%2F2026&X-Amz-Signature=0f3c9a&X-Amz-Expires=60",
    "database": "postgresql+asyncpg://cost_guard:hunter2@127.0.0.1:5432/cost_guard",
    "redis": "redis://:hunter2@127.0.0.1:6379/0",
    "slack": "https://hooks.slack.com/services/T000/B000/XXXXXXXX",
    "discord": "https://discord.com/api/webhooks/123/secretpart",
    "hub": "hf_" + "a" * 34,
    "creds": "-----BEGIN USER NKEY SEED-----\nSUAOsecret\n------END USER NKEY SEED------",
}
SECRET_PARTS = ("Ab3Ab3", "abcdefghijklmnop", "dXNlcjpwYXNz", "abc_-def", "SUAO", "0f3c9a", "AK%2F2026", "hunter2",
                "XXXXXXXX", "secretpart", "aaaaaa")  # fmt: skip


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_are_recognised_by_form(name: str) -> None:
    clean = redact(f"before {SECRETS[name]} after")
    assert clean.startswith("before ")
    assert clean.endswith(" after")
    assert not any(part in clean for part in SECRET_PARTS)


def test_addresses_stay_readable() -> None:
    assert redact(SECRETS["database"]) == "postgresql+asyncpg://cost_guard:[redacted]@127.0.0.1:5432/cost_guard"
    assert "X-Amz-Expires=60" in redact(SECRETS["presigned"])
    harmless = "GET http://127.0.0.1:8700/api/training/jobs?tag=signal 200 job-0198a000-a1 lora_rank=16"
    assert redact(harmless) == harmless


def test_secrets_are_recognised_by_name() -> None:
    event = {"password": "x", "nested": [{"api_key": "y", "s3_secret_key": "z"}], "seed": 42, "tokens_per_s": 7.5}
    assert redact_value(event) == {
        "password": "[redacted]",
        "nested": [{"api_key": "[redacted]", "s3_secret_key": "[redacted]"}],
        "seed": 42,
        "tokens_per_s": 7.5,
    }


def test_line_has_the_fixed_fields_and_the_context(lines: Lines) -> None:
    with tracing.span("work"), structlog.contextvars.bound_contextvars(job_id="j-1"):
        trace_id, span_id = tracing.current_ids() or ("", "")
        structlog.get_logger("x").warning("cost_overrun", amount=3, nothing=None)
    (line,) = lines()
    assert list(line)[:7] == ["time", "level", "service", "event", "job_id", "trace_id", "span_id"]
    assert line["time"].endswith("Z")
    assert (line["level"], line["service"], line["event"]) == ("warning", "cost_guard", "cost_overrun")
    assert (line["job_id"], line["trace_id"], line["span_id"]) == ("j-1", trace_id, span_id)


def test_library_loggers_and_exceptions_go_the_same_way(lines: Lines) -> None:
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 7)
    try:
        raise ValueError(SECRETS["database"])
    except ValueError:
        structlog.get_logger().exception("failed", url=SECRETS["presigned"])
    logging.getLogger("asyncpg").warning("lost %s", SECRETS["redis"])
    started, failed, lost = lines()
    assert (started["event"], started["service"]) == ("Started server process [7]", "cost_guard")
    assert "ValueError" in failed["exception"]
    assert not any(part in json.dumps([failed, lost]) for part in SECRET_PARTS)


async def test_request_line(app: FastAPI, client: httpx.AsyncClient, lines: Lines) -> None:
    access = observe(app, Health("cost_guard"), CollectorRegistry())

    @app.get("/jobs/{job_id}")
    async def get(job_id: str) -> str:
        structlog.contextvars.bind_contextvars(workspace_id="w-1")
        return job_id

    await client.get("/jobs/j-7?token=abcdefgh")
    await client.get("/elsewhere")
    access.flush()
    first, second = [line for line in lines() if line["event"] == "request"]
    assert (first["route"], first["path"], first["status"]) == ("/jobs/{job_id}", "/jobs/j-7", 200)
    assert first["job_id"] == "j-7"
    assert first["trace_id"] != second["trace_id"]
    assert "abcdefgh" not in json.dumps(first)
    assert "workspace_id" not in second  # the context of one request does not leak into the next
    assert (second["route"], second["status"]) == ("unmatched", 404)


async def test_what_is_logged_while_a_request_is_answered_names_its_job(
    app: FastAPI, client: httpx.AsyncClient, lines: Lines
) -> None:
    observe(app, Health("cost_guard"), CollectorRegistry())

    @app.get("/jobs/{job_id}")
    async def get(job_id: str) -> str:
        structlog.get_logger().info("looked at")
        return job_id

    @app.get("/jobs")
    async def list_jobs() -> str:
        structlog.get_logger().info("listed")
        return ""

    await client.get("/jobs/j-7")
    await client.get("/jobs")
    looked, listed = [line for line in lines() if line["event"] in ("looked at", "listed")]
    assert looked["job_id"] == "j-7"
    assert looked["trace_id"] != listed["trace_id"]
    assert "job_id" not in listed
