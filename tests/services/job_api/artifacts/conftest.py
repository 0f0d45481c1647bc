"""A completed job with an adapter as the trainer leaves it."""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio
import torch
from safetensors.torch import save

from chassis.messaging.bus import Bus
from chassis.objects.store import ObjectStore
from chassis.settings import ServiceSettings
from contracts.events import ArtifactFile, TrainingCompleted
from contracts.rpc import metrics
from tests.services.job_api.cost_guard import answering

TENSORS = {
    "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight": torch.randn(4, 16),
    "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight": torch.randn(16, 4).to(torch.bfloat16),
    "half": torch.randn(3, 1, 2).to(torch.float16), "scalar": torch.tensor(2.5), "empty": torch.zeros(0, 7),
    "counts": torch.tensor([[1, -2], [3, 4]]), "mask": torch.tensor([True, False, True]),
}


def as_torch_saves(tensors: dict[str, torch.Tensor]) -> bytes:
    content = io.BytesIO()
    torch.save(tensors, content)
    return content.getvalue()


def delivered_files() -> dict[str, bytes]:
    return {
        "adapter_model.safetensors": save(TENSORS), "adapter_model.bin": as_torch_saves(TENSORS),
        "adapter_config.json": b'{"r": 4}', "README.md": b"# The adapter\n",
        "training_summary.json": b'{"attempt": 1}', "tokenizer.json": b'{"model": {}}', "tokenizer_config.json": b"{}",
    }


class Deliveries:
    """Completes jobs and fetches what the API hands out."""

    def __init__(self, api: Any) -> None:
        self.api = api
        self.objects: ObjectStore = api.app.state.dependencies.objects
        self.files, self.tensors = delivered_files(), TENSORS

    async def completed(self, files: dict[str, bytes] | None = None, **job: Any) -> dict[str, Any]:
        made = await self.api.running_job(**job)
        await self.complete(made, files or self.files)
        return await self.api.until(made["id"], lambda job: job["status"] == "completed")

    async def complete(self, job: dict[str, Any], files: dict[str, bytes], **changes: Any) -> None:
        artifacts = []
        for path, content in files.items():
            stored = await self.objects.put_bytes("model-artifacts", self.key(job, path), content)
            artifacts.append(ArtifactFile(path=path, key=stored.key, size_bytes=stored.size, sha256=stored.sha256))
        values = {"bucket": "model-artifacts", "artifacts": tuple(artifacts), "base_model": "tiny", "total_steps": 12,
                  "epochs": 3.0, "final_loss": 1.25, "training_seconds": 4.0, "versions": {"torch": "2"},
                  "completed_at": datetime.now(UTC)}
        await self.api.tell(TrainingCompleted(sequence=1, **self.api.about(job), **(values | changes)))

    def key(self, job: dict[str, Any], path: str) -> str:
        return f"{self.api.workspace_id}/{job['id']}/a1/{path}"

    async def ask(self, job: dict[str, Any], form: str = "safetensors", kind: str = "adapters") -> dict[str, Any]:
        response = await self.api.client.get(f"/jobs/{job['id']}/download/{kind}?format={form}")
        assert response.status_code == 200, response.text
        return response.json()

    async def fetch(self, answer: dict[str, Any]) -> bytes:
        """As a browser would: the URL alone."""
        async with httpx.AsyncClient() as browser:
            response = await browser.get(answer["url"])
        assert response.status_code == 200, response.text
        assert len(response.content) == answer["size_bytes"]
        assert hashlib.sha256(response.content).hexdigest() == answer["sha256"]
        return response.content


@pytest.fixture
def deliveries(api) -> Deliveries:
    return Deliveries(api)


@pytest_asyncio.fixture
async def points(alone) -> Any:
    """metrics_ingest answering EXPORT with the points a test puts into the list, 3 a page."""
    stored: list[metrics.RawPoint] = []

    async def export(query: metrics.ExportQuery) -> metrics.ExportPage:
        start = int(query.cursor or 0)
        more = start + 3 < len(stored)
        return metrics.ExportPage(points=tuple(stored[start : start + 3]), next_cursor=str(start + 3) if more else None)

    bus = Bus(ServiceSettings(service_name="metrics_ingest", nats_url=alone.nats_url))
    bus.include(answering({metrics.EXPORT: export}))
    await bus.start()
    yield stored
    await bus.stop()


@pytest.fixture
def deliveries_alone(alone) -> Deliveries:
    return Deliveries(alone)
