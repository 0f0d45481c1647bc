"""What the OpenAPI document promises is what the running API does: schemathesis with all its checks."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from chassis.messaging.bus import Bus
from chassis.settings import ServiceSettings
from contracts.rpc import metrics
from services.job_api.templates.domain.built_in import BUILT_IN
from tests.services.job_api.cost_guard import answering
from tests.services.job_api.notifier import running_notifier

ROOT = Path(__file__).parents[3]
CONFIG = Path(__file__).parent / "schemathesis.toml"
HOOKS = "tests.services.job_api.schemathesis_hooks"
SHORT = ("--phases=examples,coverage", "--max-examples=1")
LONG = ("--phases=examples,coverage,fuzzing,stateful", "--max-examples=60")


async def things_that_exist(api: Any) -> dict[str, Any]:
    """A file, an ended job (its event stream ends), an API key, a member."""
    sample = (ROOT / "examples" / "sample.json").read_bytes()
    upload = await api.client.post("/files", files={"file": ("sample.json", sample)})
    job = await api.running_job(training_file_id=upload.json()["id"])
    await api.client.post(f"/jobs/{job['id']}/cancel")
    key = await api.client.post("/api-keys", json={"name": "short", "roles": ["analyst"]})
    member = await api.client.put("/members", json={"email": "ada@example.com", "roles": ["analyst"]})
    return {"file_id": upload.json()["id"], "job_id": job["id"], "key_id": key.json()["id"], "sequence": 1,
            "template_id": str(BUILT_IN[0].id), "user_id": member.json()["id"]}


@pytest_asyncio.fixture
async def whole(api, fresh_database, settings_for) -> AsyncIterator[Any]:
    """With the answers that the others do not give: all points of a job's metrics, and those of the notifier."""

    async def export(request: metrics.ExportQuery) -> metrics.ExportPage:
        return metrics.ExportPage(points=(), next_cursor=None)

    bus = Bus(ServiceSettings(service_name="metrics_ingest", nats_url=api.nats_url))
    bus.include(answering({metrics.EXPORT: export}))
    await bus.start()
    async with running_notifier(fresh_database, settings_for):
        yield api
    await bus.stop()


async def schemathesis(api: Any, folder: Path, *options: str) -> tuple[int, str]:
    """Exit status and report; the same seed makes the same requests."""
    ids = json.dumps(await things_that_exist(api))
    environment = os.environ | {"CONFORMANCE_IDS": ids, "SCHEMATHESIS_HOOKS": HOOKS, "PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "schemathesis.cli", f"--config-file={CONFIG}", "run",
        f"{api.url}/api/training/openapi.json",
        f"--header=Authorization: Bearer {api.credentials['api_key']}", "--checks=all", "--seed=20261123",
        "--request-timeout=30", "--continue-on-failure", "--warnings=off", "--no-color", "--generation-database=none",
        *options, cwd=folder, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_requests_of_every_kind(whole, tmp_path) -> None:
    status, report = await schemathesis(whole, tmp_path, *SHORT)
    assert status == 0, report
    assert "Tested: " in report


@pytest.mark.fuzz
@pytest.mark.timeout(900)
async def test_many_requests(whole, tmp_path) -> None:
    status, report = await schemathesis(whole, tmp_path, *LONG)
    assert status == 0, report
