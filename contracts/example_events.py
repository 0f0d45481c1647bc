"""Example events, one plain and some edge cases each: `python -m contracts.generate` writes them as files.

Fixed ids and times, so that the files change only when a contract does.
"""

from typing import Any
from uuid import UUID

from contracts import events
from contracts.envelope import Event, EventData, new_event
from contracts.error_taxonomy import ERROR_CLASSES, TrainingErrorType
from contracts.example_failures import told_failures
from contracts.example_logs import printed_lines
from contracts.example_queue import waiting_jobs
from contracts.example_steering import steered_jobs
from contracts.example_values import (
    ARTIFACT,
    AT,
    BUDGET,
    CHECKPOINT_FILE,
    FILE,
    JOB_FIELDS,
    MACHINE,
    OUT_OF_MEMORY,
    POD,
    RESERVATION,
    SPOT_MACHINE,
    TRAINER,
    TRAINING_FILE,
)
from contracts.gpus import GpuType, PricingTier
from contracts.job_status import JobStatus
from contracts.presets import PRESETS


def _jobs() -> dict[str, EventData]:
    return {
        "job.created": events.JobCreated(
            **JOB_FIELDS,
            name="Elena, first run",
            created_by="engineer@example.com",
            training_file_id=TRAINING_FILE,
            preset="balanced",
        ),
        "job.start_requested": events.JobStartRequested(
            **JOB_FIELDS,
            job_name="Elena, first run",
            requested_by="engineer@example.com",
            training_file=FILE,
            hyperparameters=PRESETS["balanced"].hyperparameters,
            base_model="meta-llama/Meta-Llama-3-70B-Instruct",
            gpu_type=GpuType.H100_PCIE_80GB,
            pricing_tier=PricingTier.AUTO,
            reservation_id=RESERVATION,
            estimated_cost_micro_usd=12_450_000,
            estimated_duration_s=5_400.0,
            cost_ceiling_micro_usd=19_800_000,
        ),
        "job.start_requested.resumed": events.JobStartRequested(
            **JOB_FIELDS,
            job_name="Elena, first run",
            requested_by="engineer@example.com",
            training_file=FILE,
            hyperparameters=PRESETS["balanced"].hyperparameters,
            base_model="meta-llama/Meta-Llama-3-70B-Instruct",
            gpu_type=GpuType.H100_PCIE_80GB,
            pricing_tier=PricingTier.ON_DEMAND,
            reservation_id=RESERVATION,
            estimated_cost_micro_usd=8_200_000,
            estimated_duration_s=3_100.0,
            run=2,
        ),
        "job.cancel_requested": events.JobCancelRequested(**JOB_FIELDS, requested_by="engineer@example.com"),
        "job.status_changed": events.JobStatusChanged(
            **JOB_FIELDS,
            from_status=JobStatus.TRAINING,
            to_status=JobStatus.RECOVERING,
            attempt=1,
            reason="interrupted",
        ),
        "job.completed": events.JobCompleted(
            **JOB_FIELDS,
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
            **JOB_FIELDS, job_name="x", created_by="engineer@example.com", completed_at=AT
        ),
        "job.failed": events.JobFailed(
            **JOB_FIELDS,
            job_name="Elena, first run",
            created_by="engineer@example.com",
            error_type=TrainingErrorType.OUT_OF_MEMORY,
            message="batch 4 x 4096 tokens exceeds 80 GB",
            suggested_fix=OUT_OF_MEMORY.suggested_fix,
            failed_at=AT,
        ),
        "job.cancelled": events.JobCancelled(
            **JOB_FIELDS, job_name="Elena, first run", cancelled_by="owner@example.com", cancelled_at=AT
        ),
        "job.deleted": events.JobDeleted(**JOB_FIELDS, deleted_by="engineer@example.com"),
    }


def _pods() -> dict[str, EventData]:
    return {
        "pod.requested": events.PodRequested(**POD, **MACHINE),
        "pod.running": events.PodRunning(**POD, **MACHINE, provider_pod_id="4711", running_since=AT),
        "pod.interrupted": events.PodInterrupted(
            **POD, detected_by=events.InterruptionSource.SIGTERM, reason="SIGTERM", last_step=120, interrupted_at=AT
        ),
        "pod.interrupted.silent_before_first_step": events.PodInterrupted(
            **POD, detected_by=events.InterruptionSource.HEARTBEAT, interrupted_at=AT
        ),
        "pod.failed": events.PodFailed(
            **POD,
            error_type=TrainingErrorType.PROVISIONING,
            message="No machine after 5 tries.",
            suggested_fix=ERROR_CLASSES[TrainingErrorType.PROVISIONING].suggested_fix,
        ),
        "pod.terminated": events.PodTerminated(**POD, **MACHINE, running_since=AT, terminated_at=AT, exit_code=0),
        "pod.terminated.never_ran": events.PodTerminated(**POD, **MACHINE, terminated_at=AT, reason="cancelled"),
    }


def _training() -> dict[str, EventData]:
    return {
        "training.started": events.TrainingStarted(**TRAINER, pid=4711, host="pod", started_at=AT),
        "training.stage_changed": events.TrainingStageChanged(
            **TRAINER, stage=JobStatus.MODEL_LOADING, message="Loading the base model in 4 bits"
        ),
        "training.resumed": events.TrainingResumed(**TRAINER, resumed_from_step=100, checkpoint_attempt=1),
        "training.progressed": events.TrainingProgressed(
            **TRAINER,
            step=120,
            total_steps=450,
            epoch=0.8,
            loss=1.1,
            learning_rate=1.9e-4,
            eta_s=900.0,
            tokens_per_second=812.5,
        ),
        "training.progressed.first": events.TrainingProgressed(**TRAINER, step=0, total_steps=450, epoch=0.0),
        "training.warning": events.TrainingWarning(
            **TRAINER, code="loss_not_finite", step=7, message="The loss is not a number at step 7."
        ),
        "training.paused": events.TrainingPaused(**TRAINER, step=121, checkpoint_step=121, paused_at=AT),
        "training.paused.before_first_checkpoint": events.TrainingPaused(**TRAINER, step=0, paused_at=AT),
        "training.completed": events.TrainingCompleted(
            **TRAINER,
            bucket="model-artifacts",
            artifacts=(ARTIFACT,),
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
            **TRAINER,
            error_type=TrainingErrorType.OUT_OF_MEMORY,
            message="batch 4 x 4096 tokens exceeds 80 GB",
            suggested_fix=OUT_OF_MEMORY.suggested_fix,
            retryable=False,
            context={"batch_size": 4},
            failed_at=AT,
        ),
        "checkpoint.saved": events.CheckpointSaved(
            **TRAINER,
            step=100,
            bucket="training-checkpoints",
            prefix="a1/step-100/",
            manifest_key="a1/step-100/manifest.json",
            manifest_sha256="d" * 64,
            files=(CHECKPOINT_FILE,),
            size_bytes=1_048_576,
            saved_at=AT,
        ),
        "evaluation.generated": events.EvaluationGenerated(
            **TRAINER,
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
            **TRAINER,
            steps=(1, 2),
            times=(1795348800.0, 1795348801.5),
            values={"loss": (2.31, 2.27), "learning_rate": (1e-5, 2e-5)},
        ),
        "metrics.reported.not_finite": events.MetricsReported(
            **TRAINER,
            resumed_from_step=6,
            steps=(7, 8, 9),
            times=(1.0, 2.0, 3.0),
            values={"loss": (float("nan"), float("inf"), None), "validation_loss": (None, None, 2.5)},
        ),
    }


def _money_and_verdicts() -> dict[str, EventData]:
    return {
        "cost.updated": events.CostUpdated(
            **JOB_FIELDS,
            cost_micro_usd=2_490_000,
            estimate_micro_usd=12_450_000,
            billed_seconds=3_600.0,
            running=True,
            as_of=AT,
        ),
        "cost.updated.final_without_estimate": events.CostUpdated(
            **JOB_FIELDS, cost_micro_usd=0, billed_seconds=0.0, running=False, final=True, as_of=AT
        ),
        "cost.overrun": events.CostOverrun(
            **JOB_FIELDS, cost_micro_usd=16_000_000, estimate_micro_usd=12_450_000, variance_percent=28.5, as_of=AT
        ),
        "cost.limit_reached": events.CostLimitReached(
            **JOB_FIELDS, cost_micro_usd=16_000_000, reserved_micro_usd=15_200_000, month="2026-11",
            budget_micro_usd=500_000_000, as_of=AT
        ),
        "budget.threshold": events.BudgetThreshold(**BUDGET, spent_micro_usd=405_000_000, threshold_percent=80),
        "budget.exceeded": events.BudgetExceeded(**BUDGET, spent_micro_usd=501_000_000),
        "validation.updated": events.ValidationUpdated(
            **JOB_FIELDS,
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
            **JOB_FIELDS,
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
            **POD, **MACHINE, reason="no spot machine for 10 minutes (2 offers): on-demand at $3.49/h"
        ),
        "pod.running.priced": events.PodRunning(**POD, **SPOT_MACHINE, provider_pod_id="abc123", running_since=AT),
        "pod.terminated.priced": events.PodTerminated(**POD, **SPOT_MACHINE, running_since=AT, terminated_at=AT),
    }


def examples() -> dict[str, Event[Any]]:
    """File stem (`<entity>.<event>[.<case>]`) to event, in a fixed order."""
    payloads = {**_jobs(), **_pods(), **_training(), **_money_and_verdicts(), **_priced_machines()}
    payloads |= told_failures(JOB_FIELDS, POD, TRAINER, AT) | printed_lines(TRAINER)
    payloads |= waiting_jobs(JOB_FIELDS, POD, MACHINE) | steered_jobs(JOB_FIELDS, AT)
    return {stem: _envelope(data, number) for number, (stem, data) in enumerate(payloads.items())}
