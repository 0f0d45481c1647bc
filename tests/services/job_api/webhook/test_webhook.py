"""The signed webhook: an event like any other, once, and only from who knows the secret."""

import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from contracts import events
from contracts.envelope import new_event
from services.job_api.edge.bodies import LARGEST_WEBHOOK
from services.job_api.webhook.domain import sign
from tests.services.job_api.conftest import WEBHOOK_SECRET

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HEADER = "x-brightrun-signature"


async def deliver(api, body, *, at=None, secret=WEBHOOK_SECRET, signature=None):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    moment = int((at or datetime.now(UTC)).timestamp())
    headers = {HEADER: signature if signature is not None else sign(secret, moment, raw),
               "content-type": "application/json"}
    async with api.as_key("") as client:
        return await client.post("/webhook", content=raw, headers=headers)


async def test_an_envelope_travels_on_as_the_same_event(api):
    job = await api.running_job()
    event = new_event(events.TrainingProgressed(**api.about(job), step=9, total_steps=30, epoch=1), source="/pod")
    response = await deliver(api, event.to_bytes())
    assert (response.status_code, response.json()["event_ids"]) == (202, [str(event.id)])
    await api.until(job["id"], lambda job: job["current_step"] == 9)
    again = await deliver(api, event.to_bytes())
    assert (again.status_code, again.json()["duplicate"]) == (202, True)
    assert [row["event_id"] for row in await api.log(job["id"])].count(event.id) == 1


async def test_an_event_that_also_came_over_the_broker_counts_once(api):
    job = await api.running_job()
    event = await api.tell(events.TrainingWarning(**api.about(job), code="w", message="both ways"))
    await deliver(api, event.to_bytes())
    await api.tell(events.TrainingWarning(**api.about(job), code="w", message="last"))
    await api.until(job["id"], lambda job: job["last_event_seq"] >= 5)
    assert [row["message"] for row in await api.log(job["id"])].count("both ways") == 1


async def test_the_short_forms_of_a_run(api):
    job = await api.running_job()
    about = {"job_id": job["id"], "attempt": 1}
    files = [{"path": "adapter_model.safetensors", "key": "k", "size_bytes": 1, "sha256": "0"}]
    for body in ({"event": "started"}, {"event": "stage_change", "stage": "training"},
                 {"event": "metrics_update", "epoch": 2, "step": 450, "training_loss": 0.342, "validation_loss": 0.398,
                  "learning_rate": 0.00015, "perplexity": 18.2, "gpu_memory_used_mb": 76800,
                  "estimated_time_remaining_seconds": 18600, "total_steps": 900}):
        response = await deliver(api, about | body)
        assert response.status_code == 202, response.text
    shown = await api.until(job["id"], lambda job: job["current_step"] == 450)
    assert (shown["status"], shown["latest_loss"]) == ("training", 0.342)
    assert shown["estimated_time_remaining_minutes"] == 310
    points = (await api.published("METRICS", f"metrics.reported.{job['id']}", 1))[0].data
    assert (points.steps, points.values["loss"], points.values["gpu_memory_used_mb"]) == ((450,), (0.342,), (76800.0,))
    await deliver(api, about | {"event": "interrupted", "last_checkpoint_step": 400})
    await api.until(job["id"], lambda job: job["status"] == "recovering")
    resumed = {"job_id": job["id"], "attempt": 2}
    await deliver(api, resumed | {"event": "resumed", "resumed_from_step": 400})
    await deliver(api, resumed | {"event": "completed", "bucket": "model-artifacts", "artifacts": files,
                                  "base_model": "m", "epochs": 3, "training_seconds": 5,
                                  "final_metrics": {"training_loss": 0.3, "validation_loss": 0.4, "step": 900}})
    done = await api.until(job["id"], lambda job: job["status"] == "completed")
    assert (done["latest_loss"], done["current_step"], done["attempt"]) == (0.3, 900, 2)


async def test_an_error_ends_the_job(api):
    job = await api.running_job()
    await deliver(api, {"event": "error", "job_id": job["id"], "error_type": "dataset", "error_message": "Bad record"})
    failed = await api.until(job["id"], lambda job: job["status"] == "failed")
    assert (failed["error_type"], failed["error_message"]) == ("dataset", "Bad record")


@pytest.mark.parametrize("signature", ["", "v1=abc", "t=1,v1=" + "0" * 64, f"t={2**60},v1=" + "0" * 64])
async def test_a_wrong_signature_is_refused(api, signature):
    response = await deliver(api, {"event": "started"}, signature=signature)
    assert (response.status_code, response.json()["code"]) == (401, "invalid_signature")


async def test_a_signature_of_another_secret_or_time_is_refused(api):
    job = await api.running_job()
    body = {"event": "started", "job_id": job["id"]}
    assert (await deliver(api, body, secret="guess")).status_code == 401
    assert (await deliver(api, body, at=NOW)).status_code == 401
    assert (await deliver(api, body)).status_code == 202


@pytest.mark.parametrize(("body", "status", "code"), [
    (b"{", 400, "invalid_json"), (b"[]", 400, "invalid_json"), (b"[" * 100_000, 400, "invalid_json"),
    ({"event": "started", "job_id": "x"}, 422, "validation_failed"),
    ({"event": "started", "job_id": str(uuid4())}, 404, "job_not_found"),
    ({"specversion": "1.0", "type": "brightrun.job.completed.v1"}, 422, "validation_failed"),
    ({"specversion": "1.0", "type": "brightrun.moon.landed.v1"}, 422, "unknown_event_type"),
    (b" " * 1_100_000, 413, "payload_too_large"),
])
async def test_what_is_not_understood_is_said(api, body, status, code):
    response = await deliver(api, body)
    assert (response.status_code, response.json()["code"]) == (status, code), response.text


async def test_fields_are_checked_and_only_pods_speak(api):
    job = await api.running_job()
    unknown = await deliver(api, {"event": "exploded", "job_id": job["id"]})
    assert "checkpoint_saved" in unknown.json()["detail"]
    missing = await deliver(api, {"event": "checkpoint_saved", "job_id": job["id"], "step": 5})
    assert {entry["field"] for entry in missing.json()["errors"]} >= {"manifest_key", "files"}
    cost = events.CostUpdated(**api.about(job), cost_micro_usd=0, billed_seconds=0, running=False, as_of=NOW)
    forged = await deliver(api, new_event(cost, source="/pod").to_bytes())
    assert (forged.status_code, forged.json()["code"]) == (422, "unknown_event_type")
    other = api.about(job) | {"workspace_id": uuid4()}
    warning = new_event(events.TrainingWarning(**other, code="c", message="m"), source="/pod")
    assert (await deliver(api, warning.to_bytes())).status_code == 404


async def test_the_installations_own_secret_speaks_for_every_workspace(api):
    """For installations from before workspaces had secrets of their own."""
    elsewhere = uuid4()
    stranger = await api.member("engineer", workspace_id=elsewhere)
    file_id = await api.add_file(workspace_id=elsewhere)
    job = (await stranger.post("/jobs", json={"training_file_id": file_id, "start": True})).json()
    assert (await deliver(api, {"event": "started", "job_id": job["id"]})).status_code == 202


@pytest.mark.parametrize("stage", ["completed", "failed", "cancelled", "queued", "recovering"])
async def test_only_real_stages_are_stages(api, stage):
    job = await api.running_job()
    short = await deliver(api, {"event": "stage_change", "job_id": job["id"], "stage": stage})
    assert (short.status_code, short.json()["code"]) == (422, "validation_failed"), short.text
    said = {"job_id": job["id"], "workspace_id": str(api.workspace_id), "attempt": 1, "stage": stage}
    stages = new_event(events.TrainingStageChanged(**(said | {"stage": "training"})), source="/pod")
    raw = json.loads(stages.to_bytes())
    raw["data"]["stage"] = stage
    assert (await deliver(api, raw)).status_code == 422
    assert (await api.job(job["id"]))["status"] == "queued"


@pytest.mark.parametrize("names", [[], ["training_metrics.json"], ["adapter_config.json"]])
async def test_a_run_without_an_adapter_is_not_completed(api, names):
    job = await api.running_job()
    files = [{"path": name, "key": "k", "size_bytes": 1, "sha256": "0"} for name in names]
    body = {"event": "completed", "job_id": job["id"], "bucket": "model-artifacts", "artifacts": files,
            "base_model": "m", "total_steps": 3, "epochs": 3, "training_seconds": 5}
    response = await deliver(api, body)
    assert (response.status_code, response.json()["code"]) == (422, "no_adapter_delivered")
    assert "adapter_model.safetensors" in response.json()["suggested_fix"]
    assert (await api.job(job["id"]))["status"] == "queued"


async def test_an_event_that_its_stream_would_refuse_is_refused_at_once(api):
    job = await api.running_job()
    points = events.MetricsReported(
        **api.about(job), steps=tuple(range(2_000)), times=(1.0,) * 2_000,
        values=dict.fromkeys(events.METRIC_NAMES, (0.12345678901234566,) * 2000))
    assert len(new_event(points, source="/pod").to_bytes()) < LARGEST_WEBHOOK
    response = await deliver(api, new_event(points, source="/pod").to_bytes())
    assert (response.status_code, response.json()["code"]) == (413, "payload_too_large")
    assert "metrics.reported" in response.json()["detail"]
