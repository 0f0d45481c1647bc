"""Everything about one failure as a ZIP, and no secret in it."""

import io
import json
import zipfile
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import update

from chassis.messaging.bus import Bus
from chassis.settings import ServiceSettings
from contracts.events import TrainingWarning
from contracts.rpc import logs, pods
from services.job_api.diagnosis.schemas import FailureView
from services.job_api.edge.auth import Role
from services.job_api.tables import training_jobs
from tests.services.job_api.cost_guard import answering
from tests.services.job_api.jobs.test_errors import failed

SECRETS = {
    "hub": "hf_" + "A1b2C3d4E5f6G7h8I9j0K", "key": "br_" + "abcdefABCDEF0123456789", "runpod": "rpa_" + "Z9" * 12,
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl", "seed": "SUA" + "B2" * 27 + "X",
    "url": "X-Amz-Signature=" + "0123456789abcdef" * 4, "password": "hunter2-hunter2",
}
TEXTS = [f"token {SECRETS['hub']}", f"Authorization: Bearer {SECRETS['key']}", f"RunPod said {SECRETS['runpod']}",
         f"creds {SECRETS['jwt']} {SECRETS['seed']}", f"GET https://s3/x?{SECRETS['url']}&a=1",
         f"postgresql://me:{SECRETS['password']}@host/db"]
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@asynccontextmanager
async def telling(api, texts):
    """The other services, with these lines of the trainer's output."""
    async def log_lines(query: logs.LogLinesQuery) -> logs.LogLinesPage:
        assert query.tail == 100
        lines = tuple(logs.NumberedLine(line=n, time=1.7e9 + n, text=text) for n, text in enumerate(texts, 1))
        return logs.LogLinesPage(attempt=1, lines=lines)

    async def job_pods(query: pods.JobPodsQuery) -> pods.JobPods:
        return pods.JobPods(pods=(pods.PodView(
            pod_name=f"job-{query.job_id}-a1", attempt=1, provider="local", status="terminated", gpu_type="local",
            pricing_tier="spot", requested_at=NOW, reason=TEXTS[2]),))

    routers = {"cost_guard": api.cost_guard.requests(),
               "metrics_ingest": answering({logs.LOG_LINES: log_lines, pods.JOB_PODS: job_pods})}
    buses = [Bus(ServiceSettings(service_name=name, nats_url=api.nats_url)) for name in routers]
    for bus, router in zip(buses, routers.values(), strict=True):
        bus.include(router)
        await bus.start()
    yield
    for bus in buses:
        await bus.stop()


def members(content: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name).decode() for name in archive.namelist()}


async def failed_with_secrets(api):
    job = await api.running_job()
    await api.tell(TrainingWarning(**api.about(job), code="odd", message=TEXTS[0]))
    return await failed(
        api, job=job, error_type="unknown", message="; ".join(TEXTS), suggested_fix=TEXTS[3],
        context={"hint": TEXTS[1], "api_key": "plain", "versions": {"torch": "2.13.0"}, "env": {"HF_TOKEN": "plain2"}},
        traceparent=TRACE)


async def test_everything_that_support_needs(alone):
    async with telling(alone, ["loading", "step 1", *TEXTS]):
        job = await failed_with_secrets(alone)
        response = await alone.client.get(f"/jobs/{job['id']}/error-log")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/zip")
    assert f"job-{job['id']}-error-log.zip" in response.headers["content-disposition"]
    files = members(response.content)
    assert sorted(files) == ["README.txt", "attempts.json", "configuration.json", "error.json", "events.jsonl",
                             "job.json", "log.txt", "versions.json"]
    error = json.loads(files["error.json"])
    assert (error["trace_id"], error["error"]["code"], error["unavailable"]) == (TRACE.split("-")[1], "unknown", {})
    events = [json.loads(line) for line in files["events.jsonl"].splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert {"job.created", "job.start_requested", "training.failed", "job.failed"} <= {e["type"] for e in events}
    assert json.loads(files["versions.json"])["trainer"] == {"torch": "2.13.0"}
    assert json.loads(files["configuration.json"])["hyperparameters"]["lora_rank"] == 16
    assert json.loads(files["attempts.json"])[0]["attempt"] == 1
    assert files["log.txt"].splitlines()[1].endswith("step 1")
    told = "\n".join(files.values())
    for name, secret in SECRETS.items():
        assert secret not in told, name
    assert '"plain"' not in told
    assert "plain2" not in told
    assert "[redacted]" in told


async def test_one_failure_with_its_last_lines(alone):
    async with telling(alone, ["step 1", *TEXTS]):
        job = await failed_with_secrets(alone)
        found = (await alone.client.get(f"/jobs/{job['id']}/error")).json()
    FailureView.model_validate(found)
    assert (found["trace_id"], found["error"]["code"]) == (TRACE.split("-")[1], "unknown")
    assert [line["line"] for line in found["log_lines"]] == [1, 2, 3, 4, 5, 6, 7]
    shown = json.dumps(found["log_lines"])
    assert [name for name, secret in SECRETS.items() if secret in shown] == []


async def test_who_does_not_answer_is_named_and_left_out(alone):
    job = await alone.new_job()
    found = (await alone.client.get(f"/jobs/{job['id']}/error")).json()
    assert (found["error"], sorted(found["unavailable"])) == (None, ["attempts", "log"])
    files = members((await alone.client.get(f"/jobs/{job['id']}/error-log")).content)
    assert json.loads(files["attempts.json"]) == []
    assert files["log.txt"].startswith("The trainer's output could not be asked:")
    assert [json.loads(line)["type"] for line in files["events.jsonl"].splitlines()] == ["job.created"]


async def test_where_the_base_model_lies_is_nobodys_business(alone):
    async with telling(alone, ["reading /secret-place/llama/config.json"]):
        job = await failed(alone, error_type="unknown")
        async with alone.database.transaction() as tx:
            await tx.execute(update(training_jobs).where(training_jobs.c.id == UUID(job["id"])).values(
                base_model="/secret-place/llama"))
        files = members((await alone.client.get(f"/jobs/{job['id']}/error-log")).content)
    assert "reading llama/config.json" in files["log.txt"]
    assert "secret-place" not in "".join(files.values())


async def test_another_workspaces_job_is_not_there(api):
    job = await api.new_job()
    stranger = await api.member(Role.ADMIN, workspace_id=UUID(int=7))
    for path in (f"/jobs/{job['id']}/error-log", f"/jobs/{job['id']}/error", f"/jobs/{uuid4()}/error"):
        refused = await stranger.get(path)
        assert (refused.status_code, refused.json()["code"]) == (404, "job_not_found")
