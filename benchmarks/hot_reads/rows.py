"""The jobs that are read: made over the API, then as far as a run of some hours has brought them."""

from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import insert, update

from chassis.database.engine import Database
from chassis.messaging.bus import Bus
from chassis.settings import ServiceSettings
from contracts.identifiers import uuid7
from services.job_api.bootstrap import bootstrap
from services.job_api.tables import training_files, training_jobs
from tests.services.job_api.cost_guard import CostGuard

JOBS = 40
_PROGRESS: dict[str, Any] = {
    "status": "training", "current_stage": "training", "attempt": 1, "progress_percentage": 41.7, "current_epoch": 1.25,
    "current_step": 125, "total_steps": 300, "latest_loss": 1.2345678, "latest_validation_loss": 1.3456789,
    "latest_learning_rate": 0.00018, "latest_perplexity": 3.8412, "eta_s": 5251.5, "last_checkpoint_step": 120,
    "actual_cost_micro_usd": 2_345_678, "duration_s": 3_771, "provider": "runpod",
}


async def credentials(database_url: str, folder: Path) -> dict[str, Any]:
    database = Database(database_url, pool_size=1)
    try:
        return await bootstrap(database, folder / "credentials.json", "")
    finally:
        await database.dispose()


async def fill(root: str, database_url: str, nats_url: str, owner: dict[str, Any]) -> list[str]:
    """The ids of `JOBS` jobs in the owner's workspace."""
    database = Database(database_url, pool_size=1)
    bus = Bus(ServiceSettings(service_name="cost_guard", nats_url=nats_url))
    bus.include(CostGuard().requests())
    await bus.start()
    try:
        file_id = await _file(database, UUID(owner["workspace_id"]))
        headers = {"authorization": f"Bearer {owner['api_key']}"}
        async with httpx.AsyncClient(base_url=root, headers=headers, timeout=30) as http:
            ids = [await _job(http, file_id, number) for number in range(JOBS)]
        async with database.transaction() as tx:
            await tx.execute(update(training_jobs).values(**_PROGRESS))
    finally:
        await bus.stop()
        await database.dispose()
    return ids


async def _job(http: httpx.AsyncClient, file_id: str, number: int) -> str:
    body = {"training_file_id": file_id, "name": f"Support tone {number}", "tags": ["support", f"series-{number % 4}"],
            "description": "Adapters for the support team", "hyperparameters": {"lora_rank": 32}}
    answer = await http.post("/jobs", json=body)
    answer.raise_for_status()
    return str(answer.json()["id"])


async def _file(database: Database, workspace_id: UUID) -> str:
    file_id = uuid7()
    async with database.transaction() as tx:
        await tx.execute(insert(training_files).values(
            id=file_id, workspace_id=workspace_id, name="support-2026.json", format="brightrun_json", status="ready",
            bucket="training-files", source_key="s", source_sha256="0", size_bytes=10, normalised_key="n",
            normalised_sha256="1", records=89, conversations=12, trainable_turns=44, tokens=24_310,
            created_by="benchmark"))
    return str(file_id)
