"""A base model in a folder of the server is shown by its name; where it lies is nobody's business."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from contracts import events
from services.job_api.base_models import shown_base_model

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FOLDER = "/srv/models/secret-place/llama"


@pytest.mark.parametrize(("stored", "shown"), [
    ("meta-llama/Meta-Llama-3-70B-Instruct", "meta-llama/Meta-Llama-3-70B-Instruct"), ("gpt2", "gpt2"),
    (FOLDER, "llama"), (f"{FOLDER}/", "llama"), (".data/models/base", "base"), ("./base", "base"), ("~/base", "base"),
    ("C:\\models\\base", "base"), ("/", "/"), ("", ""),
])
def test_hub_ids_stay_and_folders_have_names(stored, shown) -> None:
    assert shown_base_model(stored) == shown


@pytest.fixture
def told():
    return {"base_model": FOLDER}


async def test_no_answer_about_a_job_says_where_its_base_model_lies(api) -> None:
    job = await api.running_job(name="by folder")
    assert (job["base_model"], job["configuration"]["base_model"]) == ("llama", "llama")
    assert (await api.row(job["id"]))["base_model"] == FOLDER  # the trainer must find it
    files = [{"path": name, "key": f"{api.workspace_id}/{job['id']}/a1/{name}", "size_bytes": 1, "sha256": "0"}
             for name in ("adapter_model.safetensors", "adapter_config.json")]
    await api.tell(events.TrainingCompleted(
        **api.about(job), bucket="model-artifacts", artifacts=files, base_model=FOLDER, total_steps=1, epochs=1,
        training_seconds=1, completed_at=NOW))
    await api.until(job["id"], lambda job: job["status"] == "completed")
    path, seen = f"/jobs/{job['id']}", 0
    for address in (path, "/jobs", f"{path}/events", f"{path}/events?format=csv", f"{path}/events?format=json",
                    f"{path}/stream", f"{path}/artifacts"):
        text = (await api.client.get(address)).text
        assert "secret-place" not in text, address
        seen += text.count("llama")
    assert seen > 7
    for action in ("retry",):
        assert "secret-place" not in (await api.client.post(f"{path}/{action}")).text


async def test_nor_does_what_a_trainer_says_about_it(api) -> None:
    job = await api.running_job()
    await api.tell(events.TrainingFailed(
        **api.about(job), error_type="model_access", message=f"The base model folder {FOLDER} has no config.json.",
        suggested_fix=f"Look into {FOLDER}.", retryable=False,
        context={"base_model": FOLDER, "hint": f"See {FOLDER}/x."}, failed_at=NOW))
    failed = await api.until(job["id"], lambda job: job["status"] == "failed")
    assert failed["error_message"] == "The base model folder llama has no config.json."
    assert failed["status_reason"]["suggested_fix"] == "Look into llama."
    assert failed["error"]["likely_cause"] == "It names llama."
    for address in (f"/jobs/{job['id']}/events", f"/jobs/{job['id']}"):
        assert "secret-place" not in (await api.client.get(address)).text
    told = (await api.published("JOBS", f"job.failed.{job['id']}", 1))[0].data
    assert told.message == failed["error_message"]


async def test_nor_does_an_answer_about_a_file(alone) -> None:
    text = b'{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Yes."}]}\n' * 3
    file = await alone.client.post("/files", files={"file": ("f.jsonl", text)})
    assert file.status_code == 201
    for response in (file, await alone.client.get("/files"), await alone.client.get(f"/files/{file.json()['id']}"),
                     await alone.client.get(f"/files/{file.json()['id']}/preview"),
                     await alone.client.post("/files/validate", files={"file": ("f.jsonl", text)})):
        assert "secret-place" not in response.text
