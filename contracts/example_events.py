"""Example events, one plain and some edge cases each: `python -m contracts.generate` writes them as files.

Fixed ids and times, so that the files change only when a contract does.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from contracts import events
from contracts.envelope import Event, EventData, new_event
from contracts.error_taxonomy import ERROR_CLASSES, TrainingErrorType
from contracts.example_failures import told_failures
from contracts.gpus import GpuType, PricingTier
from contracts.job_status import JobStatus
from contracts.presets import PRESETS

JOB = UUID("01900000-0000-7000-8000-000000000001")
WORKSPACE = UUID("01900000-0000-7000-8000-0000000000aa")
TRAINING_FILE = UUID("01900000-0000-7000-8000-0000000000f1")
RESERVATION = UUID("01900000-0000-7000-8000-0000000000c0")
AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
_JOB: dict[str, Any] = {"job_id": JOB, "workspace_id": WORKSPACE}
_POD: dict[str, Any] = {**_JOB, "attempt": 1, "sequence": 1, "pod_name": f"job-{JOB}-a1"}
_TRAINER: dict[str, Any] = {**_JOB, "attempt": 1, "sequence": 3}
_MACHINE: dict[str, Any] = {"provider": "local", "gpu_type": GpuType.LOCAL, "pricing_tier": PricingTier.ON_DEMAND}
_SPOT_MACHINE: dict[str, Any] = {
    "provider": "runpod",
    "gpu_type": GpuType.H100_PCIE_80GB,
    "pricing_tier": PricingTier.SPOT,
    "gpu_model": "NVIDIA H100 80GB HBM3",
    "rate_micro_usd_per_hour": 1_925_000,
    "on_demand_micro_usd_per_hour": 3_490_000,
}
_OUT_OF_MEMORY = ERROR_CLASSES[TrainingErrorType.OUT_OF_MEMORY]
_BUDGET: dict[str, Any] = {
    "workspace_id": WORKSPACE,
    "month": "2026-11",
    "limit_micro_usd": 500_000_000,
    "reserved_micro_usd": 0,
    "as_of": AT,
}
_FILE = events.TrainingFileReference(
    training_file_id=TRAINING_FILE,
    bucket="training-files",
    key=f"{WORKSPACE}/{TRAINING_FILE}/conversations.jsonl",
    sha256="a" * 64,
    conversations=14,
    trainable_turns=48,
    tokens=12_000,
    trainable_tokens=5_200,
    longest_conversation_tokens=1_100,
)
_CHECKPOINT_FILE = events.CheckpointFile(
    path="adapter.safetensors", key="a1/step-100/adapter.safetensors", size_bytes=1_048_576, sha256="b" * 64
)
_ARTIFACT = events.ArtifactFile(
    path="adapter_model.safetensors", key="a1/adapter_model.safetensors", size_bytes=1_048_576, sha256="c" * 64
)


def _jobs() -> dict[str, EventData]:
    return {
        "job.created": events.JobCreated(
            **_JOB,
            name="Elena, first run",
            created_by="engineer@example.com",
            training_file_id=TRAINING_FILE,
            preset="balanced",
        ),
        "job.start_requested": events.JobStartRequested(
            **_JOB,
            job_name="Elena, first run",
            requested_by="engineer@example.com",
            training_file=_FILE,
            hyperparameters=PRESETS["balanced"].hyperparameters,
            base_model="meta-llama/Meta-Llama-3-70B-Instruct",
            gpu_type=GpuType.H100_PCIE_80GB,
            pricing_tier=PricingTier.AUTO,
            reservation_id=RESERVATION,
            estimated_cost_micro_usd=12_450_000,
            estimated_duration_s=5_400.0,
            cost_ceiling_micro_usd=19_800_000,
        ),
        "job.cancel_requested": events.JobCancelRequested(**_JOB, requested_by="engineer@example.com"),
        "job.status_changed": events.JobStatusChanged(
            **_JOB, from_status=JobStatus.TRAINING, to_status=JobStatus.RECOVERING, attempt=1, reason="interrupted"
        ),
        "job.completed": events.JobCompleted(
            **_JOB,
            job_name="Elena, first run",
            created_by="engineer@example.com",
            started_at=AT,
            completed_at=AT,
            final_loss=0.91,
            final_validation_loss=1.02,
            total_steps=450,
            interruptions=1,
        ),
        "job.completed.without_metrics": events.JobCompleted(
            **_JOB, job_name="x", created_by="engineer@example.com", completed_at=AT
        ),
        "job.failed": events.JobFailed(
            **_JOB,
            job_name="Elena, first run",
            created_by="engineer@example.com",
            error_type=TrainingErrorType.OUT_OF_MEMORY,
            message="batch 4 x 4096 tokens exceeds 80 GB",
            suggested_fix=_OUT_OF_MEMORY.suggested_fix,
            failed_at=AT,
        ),
        "job.cancelled": events.JobCancelled(
            **_JOB, job_name="Elena, first run", cancelled_by="owner@example.com", cancelled_at=AT
        ),
        "job.deleted": events.JobDeleted(**_JOB, deleted_by="engineer@example.com"),
    }


def _pods() -> dict[str, EventData]:
    return {
        "pod.requested": events.PodRequested(**_POD, **_MACHINE),
        "pod.running": events.PodRunning(**_POD, **_MACHINE, provider_pod_id="4711", running_since=AT),
        "pod.interrupted": events.PodInterrupted(
            **_POD, detected_by=events.InterruptionSource.SIGTERM, reason="SIGTERM", last_step=120, interrupted_at=AT
        ),
        "pod.interrupted.silent_before_first_step": events.PodInterrupted(
            **_POD, detected_by=events.InterruptionSource.HEARTBEAT, interrupted_at=AT
        ),
        "pod.failed": events.PodFailed(
            **_POD,
            error_type=TrainingErrorType.PROVISIONING,
            message="No machine after 5 tries.",
            suggested_fix=ERROR_CLASSES[TrainingErrorType.PROVISIONING].suggested_fix,
        ),
        "pod.terminated": events.PodTerminated(**_POD, **_MACHINE, running_since=AT, terminated_at=AT, exit_code=0),
        "pod.terminated.never_ran": events.PodTerminated(**_POD, **_MACHINE, terminated_at=AT, reason="cancelled"),
    }


def _training() -> dict[str, EventData]:
    return {
        "training.started": events.TrainingStarted(**_TRAINER, pid=4711, host="pod", started_at=AT),
        "training.stage_changed": events.TrainingStageChanged(
            **_TRAINER, stage=JobStatus.MODEL_LOADING, message="Loading the base model in 4 bits"
        ),
        "training.resumed": events.TrainingResumed(**_TRAINER, resumed_from_step=100, checkpoint_attempt=1),
        "training.progressed": events.TrainingProgressed(
            **_TRAINER,
            step=120,
            total_steps=450,
            epoch=0.8,
            loss=1.1,
            learning_rate=1.9e-4,
            eta_s=900.0,
            tokens_per_second=812.5,
        ),
        "training.progressed.first": events.TrainingProgressed(**_TRAINER, step=0, total_steps=450, epoch=0.0),
        "training.warning": events.TrainingWarning(
            **_TRAINER, code="loss_not_finite", step=7, message="The loss is not a number at step 7."
        ),
        "training.completed": events.TrainingCompleted(
            **_TRAINER,
            bucket="model-artifacts",
            artifacts=(_ARTIFACT,),
            base_model="base",
            total_steps=450,
            epochs=3.0,
            final_loss=0.91,
            final_validation_loss=1.02,
            trained_tokens=36_000,
            training_seconds=3_600.0,
            versions={"peft": "0.21.2"},
            completed_at=AT,
        ),
        "training.failed": events.TrainingFailed(
            **_TRAINER,
            error_type=TrainingErrorType.OUT_OF_MEMORY,
            message="batch 4 x 4096 tokens exceeds 80 GB",
            suggested_fix=_OUT_OF_MEMORY.suggested_fix,
            retryable=False,
            context={"batch_size": 4},
            failed_at=AT,
        ),
        "checkpoint.saved": events.CheckpointSaved(
            **_TRAINER,
            step=100,
            bucket="training-checkpoints",
            prefix="a1/step-100/",
            manifest_key="a1/step-100/manifest.json",
            manifest_sha256="d" * 64,
            files=(_CHECKPOINT_FILE,),
            size_bytes=1_048_576,
            saved_at=AT,
        ),
        "evaluation.generated": events.EvaluationGenerated(
            **_TRAINER,
            conversations=(
                events.ConversationLikelihood(
                    conversation_key="c-1", tokens=310, base_nll=930.0, trained_nll=800.5, group="shame_to_acceptance"
                ),
            ),
            base_perplexity=20.1,
            trained_perplexity=13.2,
            base_model="base",
            generated_at=AT,
        ),
        "metrics.reported": events.MetricsReported(
            **_TRAINER,
            steps=(1, 2),
            times=(1795348800.0, 1795348801.5),
            values={"loss": (2.31, 2.27), "learning_rate": (1e-5, 2e-5)},
        ),
        "metrics.reported.not_finite": events.MetricsReported(
            **_TRAINER,
            resumed_from_step=6,
            steps=(7, 8, 9),
            times=(1.0, 2.0, 3.0),
            values={"loss": (float("nan"), float("inf"), None), "validation_loss": (None, None, 2.5)},
        ),
    }


def _money_and_verdicts() -> dict[str, EventData]:
    return {
        "cost.updated": events.CostUpdated(
            **_JOB,
            cost_micro_usd=2_490_000,
            estimate_micro_usd=12_450_000,
            billed_seconds=3_600.0,
            running=True,
            as_of=AT,
        ),
        "cost.updated.final_without_estimate": events.CostUpdated(
            **_JOB, cost_micro_usd=0, billed_seconds=0.0, running=False, final=True, as_of=AT
        ),
        "cost.overrun": events.CostOverrun(
            **_JOB, cost_micro_usd=16_000_000, estimate_micro_usd=12_450_000, variance_percent=28.5, as_of=AT
        ),
        "budget.threshold": events.BudgetThreshold(**_BUDGET, spent_micro_usd=405_000_000, threshold_percent=80),
        "budget.exceeded": events.BudgetExceeded(**_BUDGET, spent_micro_usd=501_000_000),
        "validation.updated": events.ValidationUpdated(
            **_JOB,
            attempt=1,
            perplexity_baseline=20.1,
            perplexity_trained=13.2,
            perplexity_improvement_pct=34.3,
            improvement_low_pct=28.0,
            improvement_high_pct=40.1,
            conversations=24,
            worse_conversations=2,
            tokens=9_300,
            verdict="proven",
            method="cr2-t/1",
            updated_at=AT,
        ),
        "validation.updated.too_few": events.ValidationUpdated(
            **_JOB,
            attempt=1,
            perplexity_baseline=20.1,
            perplexity_trained=13.2,
            perplexity_improvement_pct=34.3,
            conversations=2,
            missing_conversations=8,
            worse_conversations=0,
            tokens=930,
            verdict="too_few",
            method="cr2-t/1",
            updated_at=AT,
        ),
    }


def _envelope(data: EventData, number: int) -> Event[Any]:
    return new_event(
        data,
        source="/examples",
        time=AT,
        event_id=UUID(int=0x0190_0000_0000_7000_8000_0000_0000_1000 + number),
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )


def _priced_machines() -> dict[str, EventData]:
    return {
        "pod.requested.dearer": events.PodRequested(
            **_POD, **_MACHINE, reason="no spot machine for 10 minutes (2 offers): on-demand at $3.49/h"
        ),
        "pod.running.priced": events.PodRunning(**_POD, **_SPOT_MACHINE, provider_pod_id="abc123", running_since=AT),
        "pod.terminated.priced": events.PodTerminated(**_POD, **_SPOT_MACHINE, running_since=AT, terminated_at=AT),
    }


def examples() -> dict[str, Event[Any]]:
    """File stem (`<entity>.<event>[.<case>]`) to event, in a fixed order."""
    payloads = {**_jobs(), **_pods(), **_training(), **_money_and_verdicts(), **_priced_machines()}
    payloads |= told_failures(_JOB, _POD, _TRAINER, AT)
    return {stem: _envelope(data, number) for number, (stem, data) in enumerate(payloads.items())}
