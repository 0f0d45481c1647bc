"""Ids, times and parts that the example events share."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from contracts import events
from contracts.error_taxonomy import ERROR_CLASSES, TrainingErrorType
from contracts.gpus import GpuType, PricingTier

JOB = UUID("01900000-0000-7000-8000-000000000001")
WORKSPACE = UUID("01900000-0000-7000-8000-0000000000aa")
TRAINING_FILE = UUID("01900000-0000-7000-8000-0000000000f1")
RESERVATION = UUID("01900000-0000-7000-8000-0000000000c0")
AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
JOB_FIELDS: dict[str, Any] = {"job_id": JOB, "workspace_id": WORKSPACE}
POD: dict[str, Any] = {**JOB_FIELDS, "attempt": 1, "sequence": 1, "pod_name": f"job-{JOB}-a1"}
TRAINER: dict[str, Any] = {**JOB_FIELDS, "attempt": 1, "sequence": 3}
MACHINE: dict[str, Any] = {"provider": "local", "gpu_type": GpuType.LOCAL, "pricing_tier": PricingTier.ON_DEMAND}
SPOT_MACHINE: dict[str, Any] = {
    "provider": "runpod",
    "gpu_type": GpuType.H100_PCIE_80GB,
    "pricing_tier": PricingTier.SPOT,
    "gpu_model": "NVIDIA H100 80GB HBM3",
    "rate_micro_usd_per_hour": 1_925_000,
    "on_demand_micro_usd_per_hour": 3_490_000,
}
OUT_OF_MEMORY = ERROR_CLASSES[TrainingErrorType.OUT_OF_MEMORY]
BUDGET: dict[str, Any] = {
    "workspace_id": WORKSPACE,
    "month": "2026-11",
    "limit_micro_usd": 500_000_000,
    "reserved_micro_usd": 0,
    "as_of": AT,
}
FILE = events.TrainingFileReference(
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
CHECKPOINT_FILE = events.CheckpointFile(
    path="adapter.safetensors", key="a1/step-100/adapter.safetensors", size_bytes=1_048_576, sha256="b" * 64
)
ARTIFACT = events.ArtifactFile(
    path="adapter_model.safetensors", key="a1/adapter_model.safetensors", size_bytes=1_048_576, sha256="c" * 64
)
