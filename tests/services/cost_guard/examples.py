"""Requests and events about one job, with only what a test cares about spelled out."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from contracts import events
from contracts.error_taxonomy import TrainingErrorType
from contracts.gpus import GpuType, PricingTier
from contracts.identifiers import uuid7
from contracts.presets import PRESETS
from contracts.rpc.costs import EstimateRequest, JobCostQuery, ReleaseRequest, ReserveRequest

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SPOT_RATE = 2_490_000  # micro-dollars an hour, as the first migration sets it


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def estimate_request(
    workspace_id: UUID, tier: PricingTier = PricingTier.SPOT, gpu: GpuType = GpuType.H100_PCIE_80GB
) -> EstimateRequest:
    return EstimateRequest(
        workspace_id=workspace_id,
        gpu_type=gpu,
        pricing_tier=tier,
        conversations=242,
        tokens=705_000,
        base_model="llama",
        hyperparameters=PRESETS["balanced"].hyperparameters,
    )


@dataclass(frozen=True)
class Job:
    """What job_api and the provisioner would send about it."""

    job_id: UUID = field(default_factory=uuid7)
    workspace_id: UUID = field(default_factory=uuid7)

    @property
    def ids(self) -> dict[str, Any]:
        return {"job_id": self.job_id, "workspace_id": self.workspace_id}

    def reserve(self, reservation_id: UUID | None = None, **choice: Any) -> ReserveRequest:
        return ReserveRequest(
            job_id=self.job_id,
            job_name="x",
            requested_by="me",
            estimate=estimate_request(self.workspace_id, **choice),
            reservation_id=reservation_id,
        )

    def release(self, reservation_id: UUID | None = None) -> ReleaseRequest:
        return ReleaseRequest(**self.ids, reservation_id=reservation_id)

    def cost_query(self) -> JobCostQuery:
        return JobCostQuery(**self.ids)

    def start_requested(self, reservation_id: UUID, expected_cost: int = 1_000_000) -> events.JobStartRequested:
        file = events.TrainingFileReference(
            training_file_id=uuid7(),
            bucket="training-files",
            key="k",
            sha256="0" * 64,
            conversations=242,
            trainable_turns=900,
            tokens=705_000,
        )
        return events.JobStartRequested(
            **self.ids,
            job_name="x",
            requested_by="me",
            training_file=file,
            hyperparameters=PRESETS["balanced"].hyperparameters,
            base_model="llama",
            gpu_type=GpuType.H100_PCIE_80GB,
            pricing_tier=PricingTier.SPOT,
            reservation_id=reservation_id,
            estimated_cost_micro_usd=expected_cost,
            estimated_duration_s=3600,
        )

    def completed(self, at: datetime) -> events.JobCompleted:
        return events.JobCompleted(**self.ids, job_name="x", created_by="me", completed_at=at)

    def failed(self, at: datetime) -> events.JobFailed:
        return events.JobFailed(
            **self.ids,
            job_name="x",
            created_by="me",
            error_type=TrainingErrorType.UNKNOWN,
            message="m",
            suggested_fix="f",
            failed_at=at,
        )

    def cancelled(self, at: datetime) -> events.JobCancelled:
        return events.JobCancelled(**self.ids, job_name="x", cancelled_by="me", cancelled_at=at)

    def deleted(self) -> events.JobDeleted:
        return events.JobDeleted(**self.ids, deleted_by="me")

    def machine(self, attempt: int = 1, tier: PricingTier = PricingTier.SPOT) -> dict[str, Any]:
        return {
            **self.ids,
            "attempt": attempt,
            "pod_name": f"job-{self.job_id}-a{attempt}",
            "provider": "fake",
            "gpu_type": GpuType.H100_PCIE_80GB,
            "pricing_tier": tier,
        }

    def requested(self, attempt: int = 1) -> events.PodRequested:
        return events.PodRequested(**self.machine(attempt))

    def running(self, since: datetime, attempt: int = 1, **price: Any) -> events.PodRunning:
        return events.PodRunning(**self.machine(attempt), **price, provider_pod_id="1", running_since=since)

    def terminated(self, since: datetime | None, at: datetime, attempt: int = 1, **price: Any) -> events.PodTerminated:
        return events.PodTerminated(**self.machine(attempt), **price, running_since=since, terminated_at=at)
