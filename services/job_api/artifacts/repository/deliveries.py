"""What a completed training delivered."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, func, insert, literal, select, tuple_, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events import ArtifactFile, TrainingCompleted, ValidationUpdated
from contracts.identifiers import uuid7
from services.job_api.artifacts.tables import artifact_files, model_artifacts
from services.job_api.jobs.tables import training_jobs


async def model_of(tx: AsyncConnection, job_id: UUID) -> RowMapping | None:
    """What the job delivered; there is at most one. The caller has checked the workspace."""
    statement = select(model_artifacts).where(model_artifacts.c.training_job_id == job_id)
    row: RowMapping | None = (await tx.execute(statement)).mappings().one_or_none()
    return row


async def files_of(tx: AsyncConnection, artifact_id: UUID) -> Sequence[RowMapping]:
    statement = select(artifact_files).where(artifact_files.c.model_artifact_id == artifact_id)
    return (await tx.execute(statement.order_by(artifact_files.c.path))).mappings().all()


async def record(tx: AsyncConnection, completed: TrainingCompleted) -> UUID:
    """One row for the model and one for each of its files; called once per job, when it completes."""
    artifact_id = uuid7()
    await tx.execute(insert(model_artifacts).values(_model(artifact_id, completed)))
    if completed.artifacts:
        await tx.execute(insert(artifact_files), [_file(artifact_id, completed, file) for file in completed.artifacts])
    known = await tx.execute(select(training_jobs.c.validation).where(training_jobs.c.id == completed.job_id))
    if (validation := known.scalar_one_or_none()) is not None:  # the verdict overtook the completion
        await _set_validation(tx, completed.job_id, validation)
    return artifact_id


async def record_validation(tx: AsyncConnection, verdict: ValidationUpdated) -> None:
    """On the job and on its artifact, where there is one already.

    A newer attempt's verdict stays, and so does one of this attempt that was reached later.
    """
    values = verdict.model_dump(mode="json", exclude={"job_id", "workspace_id"})
    jobs = training_jobs.c
    attempt = func.coalesce(jobs.validation["attempt"].as_integer(), 0)
    reached_at = jobs.validation["updated_at"].astext.cast(DateTime(timezone=True))
    no_newer = tuple_(attempt, reached_at) <= tuple_(literal(verdict.attempt), literal(verdict.updated_at))
    statement = update(training_jobs).where(jobs.id == verdict.job_id, no_newer)
    if (await tx.execute(statement.values(validation=values))).rowcount:
        await _set_validation(tx, verdict.job_id, values)


async def _set_validation(tx: AsyncConnection, job_id: UUID, values: dict[str, Any]) -> None:
    await tx.execute(update(model_artifacts).where(model_artifacts.c.training_job_id == job_id).values(
        validation=values, perplexity_baseline=values["perplexity_baseline"],
        perplexity_trained=values["perplexity_trained"],
        perplexity_improvement_pct=values["perplexity_improvement_pct"],
    ))


def _model(artifact_id: UUID, completed: TrainingCompleted) -> dict[str, Any]:
    weights = _named(completed, "adapter_model.safetensors", "adapter_model.bin")
    configuration = _named(completed, "adapter_config.json")
    metrics = _named(completed, "training_metrics.json", "metrics.json")
    summary = completed.model_dump(mode="json", include={
        "total_steps", "epochs", "final_loss", "final_validation_loss", "trained_tokens", "training_seconds"})
    return {
        "id": artifact_id, "workspace_id": completed.workspace_id, "training_job_id": completed.job_id,
        "attempt": completed.attempt, "bucket": completed.bucket, "base_model": completed.base_model,
        "adapter_model_path": weights.key if weights else "",
        "adapter_config_path": configuration.key if configuration else "",
        "adapter_model_size_bytes": weights.size_bytes if weights else None,
        "metrics_file_path": metrics.key if metrics else None,
        "metrics_summary": summary, "versions": completed.versions,
    }


def _named(completed: TrainingCompleted, *names: str) -> ArtifactFile | None:
    return next((file for name in names for file in completed.artifacts if file.path.rpartition("/")[2] == name), None)


def _file(artifact_id: UUID, completed: TrainingCompleted, file: ArtifactFile) -> dict[str, Any]:
    return {
        "id": uuid7(), "model_artifact_id": artifact_id, "training_job_id": completed.job_id,
        "workspace_id": completed.workspace_id, "path": file.path, "bucket": completed.bucket, "key": file.key,
        "size_bytes": file.size_bytes, "sha256": file.sha256,
    }
