"""Why there is nothing to download, and what to do about it."""

from chassis.problems import Conflict, ProblemError
from contracts.job_status import ACTIVE, JobStatus
from services.job_api.artifacts.errors import ArtifactDamaged, NoAdapter, NoMetrics, NoPyTorchWeights


def no_adapter(error: NoAdapter) -> Conflict:
    status, job_id = error.status, error.job_id
    if status in ACTIVE:
        fix = f"Wait until the job has completed; GET /api/training/jobs/{job_id}/stream follows it."
    elif status is JobStatus.PENDING:
        fix = f"Start the job (POST /api/training/jobs/{job_id}/start) and wait until it has completed."
    elif status is JobStatus.COMPLETED:
        fix = "Repeat the request in a few seconds."
    else:
        fix = f"Run it again: POST /api/training/jobs/{job_id}/retry."
    return Conflict(
        f"The job is {status.value}: it has no adapter.",
        code="job_not_completed",
        title="The job has not completed",
        suggested_fix=fix,
        status_now=status.value,
    )


def no_metrics(error: NoMetrics) -> Conflict:
    return Conflict(
        "The job has no metrics yet.",
        code="no_metrics",
        title="Nothing to download yet",
        suggested_fix=f"Metrics arrive with the first training step; GET /api/training/jobs/{error.job_id} shows "
        "how far the job is.",
    )


def no_pytorch_weights(error: NoPyTorchWeights) -> Conflict:
    return Conflict(
        "This delivery holds its weights in the safetensors format only.",
        code="bin_not_delivered",
        title="The adapter was not delivered as .bin",
        suggested_fix=f"GET /api/training/jobs/{error.job_id}/download/adapters, unpack it, and in its folder:\n"
        "pip install torch safetensors\n"
        "python -c \"import torch, safetensors.torch as s; "
        "torch.save(s.load_file('adapter_model.safetensors'), 'adapter_model.bin')\"",
    )


def artifact_damaged(error: ArtifactDamaged) -> ProblemError:
    return ProblemError(
        "artifact_damaged",
        "A stored file is damaged",
        500,
        f"{error.path} {error.reason}. Nothing was delivered.",
        "Restore the object from a backup of the bucket, or run the job again (retry); report the trace_id.",
        retryable=False,
        path=error.path,
    )
