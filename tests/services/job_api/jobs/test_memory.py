"""A run that no memory suffices for is refused where it is estimated, created or started, with what would fit."""

import json
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import update

from contracts.gpus import GpuType
from contracts.model_memory import CARD_MEMORY, GIB
from services.job_api.machines import Machines
from services.job_api.settings import PRODUCTION_BASE_MODEL
from services.job_api.tables import training_jobs


@pytest.fixture
def told():
    return {"provider": "runpod", "base_model": f"{PRODUCTION_BASE_MODEL}@abc"}


TOO_LARGE = {"lora_rank": 256, "max_seq_length": 8192}


async def test_an_estimate_shows_the_memory(api):
    file_id = await api.add_file(longest_conversation_tokens=2_460)
    found = (await api.client.get("/cost-estimate", params={"training_file_id": file_id})).json()
    memory = found["memory"]
    assert (memory["longest_conversation_tokens"], memory["tokens_at_once"]) == (2_460, 16_384)
    assert (memory["base_model_gib"], memory["adapter_gib"]) == (36.8, 3.09)
    parts = ("base_model_gib", "adapter_gib", "activations_gib", "workspace_gib")
    assert memory["needed_gib"] == pytest.approx(sum(memory[part] for part in parts), abs=0.03)
    assert memory["needed_gib"] < memory["available_gib"] == 77.21


async def test_what_cannot_fit_is_refused_with_what_would(api):
    file_id = await api.add_file(longest_conversation_tokens=6_000)
    estimate = await api.client.get("/cost-estimate", params={"training_file_id": file_id, **TOO_LARGE})
    problem = estimate.json()
    assert (estimate.status_code, problem["code"]) == (422, "does_not_fit")
    assert estimate.headers["x-should-retry"] == "false"
    assert problem["would_fit"] == [{"field": "lora_rank", "value": 128, "needed_gib": 76.03}]
    assert problem["suggested_fix"] == "This would fit: lora_rank 128 (76.0 GiB)."
    assert problem["memory"]["needed_gib"] > problem["memory"]["available_gib"]
    for start in (False, True):
        body = {"training_file_id": file_id, "hyperparameters": TOO_LARGE, "start": start}
        created = await api.client.post("/jobs", json=body)
        assert (created.status_code, created.json()["code"]) == (422, "does_not_fit")
    assert (await api.client.get("/jobs")).json()["data"] == []
    assert api.cost_guard.reserved == {}
    assert (await api.client.post("/jobs", json={
        "training_file_id": file_id, "hyperparameters": TOO_LARGE | {"lora_rank": 128}})).status_code == 201


async def test_a_job_from_before_is_refused_at_its_start(api):
    job = await api.new_job()
    row = await api.row(job["id"])
    values = row["configuration"]["hyperparameters"] | TOO_LARGE
    async with api.database.transaction() as tx:
        await tx.execute(update(training_jobs).where(training_jobs.c.id == UUID(job["id"])).values(
            configuration=row["configuration"] | {"hyperparameters": values}))
    refused = await api.client.post(f"/jobs/{job['id']}/start")
    assert (refused.status_code, refused.json()["code"]) == (422, "does_not_fit")
    assert (await api.job(job["id"]))["status"] == "pending"


def test_models_are_known_by_name_or_by_their_folder(tmp_path: Path):
    machines = Machines(16 * GIB)
    assert machines.shape("meta-llama/Llama-3.1-8B-Instruct@main").layers == 32
    assert machines.shape("acme/unheard-of") is None
    folder = tmp_path / "model"
    assert machines.shape(str(folder)) is None
    folder.mkdir()
    config = {"num_attention_heads": 4, "hidden_size": 64, "num_hidden_layers": 2, "intermediate_size": 128,
              "vocab_size": 1000, "num_key_value_heads": 2}
    (folder / "config.json").write_text(json.dumps(config))
    assert (machines.shape(str(folder)).layers, machines.shape(str(folder)).key_value) == (2, 32)
    for content in ("{", "[]", '{"model_type": "t5"}'):
        (folder / "config.json").write_text(content)
        assert machines.shape(str(folder)) is None


def test_a_local_pod_has_the_memory_of_this_machine():
    assert Machines(16 * GIB).memory(GpuType.LOCAL) == 16 * GIB
    assert Machines().memory(GpuType.LOCAL) > GIB
    assert Machines().memory(GpuType.H100_PCIE_80GB) == CARD_MEMORY[GpuType.H100_PCIE_80GB]
