"""Why a training fails: classes, what a person is told, and what a retry changes by itself."""

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict


class TrainingErrorType(StrEnum):
    OUT_OF_MEMORY = "out_of_memory"
    DATASET = "dataset"
    TIMEOUT = "timeout"
    NETWORK = "network"
    MODEL_ACCESS = "model_access"
    PROVISIONING = "provisioning"
    BUDGET = "budget"
    DIVERGED = "diverged"
    STORAGE = "storage"
    UNKNOWN = "unknown"


class FailureClass(StrEnum):
    """Who has to act: the user, nobody but a retry (infrastructure), or us (platform)."""

    USER = "user"
    INFRASTRUCTURE = "infrastructure"
    PLATFORM = "platform"


class ErrorClass(BaseModel):
    model_config = ConfigDict(frozen=True)

    error_type: TrainingErrorType
    failure_class: FailureClass
    title: str
    suggested_fix: str
    retryable: bool


ERROR_CLASSES: dict[TrainingErrorType, ErrorClass] = {
    item.error_type: item
    for item in (
        ErrorClass(
            error_type=TrainingErrorType.OUT_OF_MEMORY,
            failure_class=FailureClass.USER,
            title="The GPU ran out of memory",
            retryable=False,
            suggested_fix="Halve per_device_train_batch_size and double gradient_accumulation_steps, or use the "
            "conservative preset. Retry applies this for you.",
        ),
        ErrorClass(
            error_type=TrainingErrorType.DATASET,
            failure_class=FailureClass.USER,
            title="The training file cannot be used",
            retryable=False,
            suggested_fix="Correct the record that the message names and upload the file again.",
        ),
        ErrorClass(
            error_type=TrainingErrorType.TIMEOUT,
            failure_class=FailureClass.USER,
            title="The training exceeded its time limit",
            retryable=False,
            suggested_fix="Reduce num_epochs or increase per_device_train_batch_size, then retry.",
        ),
        ErrorClass(
            error_type=TrainingErrorType.NETWORK,
            failure_class=FailureClass.INFRASTRUCTURE,
            title="The connection to the GPU machine was lost",
            retryable=True,
            suggested_fix="Nothing to do: the training resumes from its newest checkpoint. Retry if it stays failed.",
        ),
        ErrorClass(
            error_type=TrainingErrorType.MODEL_ACCESS,
            failure_class=FailureClass.USER,
            title="The base model cannot be loaded",
            retryable=False,
            suggested_fix="Check BASE_MODEL and that the hub token may read the model, then retry.",
        ),
        ErrorClass(
            error_type=TrainingErrorType.PROVISIONING,
            failure_class=FailureClass.INFRASTRUCTURE,
            title="No GPU machine could be started",
            retryable=True,
            suggested_fix="Retry in five minutes, or choose on_demand capacity.",
        ),
        ErrorClass(
            error_type=TrainingErrorType.BUDGET,
            failure_class=FailureClass.USER,
            title="The budget does not allow this run",
            retryable=False,
            suggested_fix="Raise the monthly budget, or choose a smaller preset, then start again.",
        ),
        ErrorClass(
            error_type=TrainingErrorType.DIVERGED,
            failure_class=FailureClass.USER,
            title="The training diverged",
            retryable=False,
            suggested_fix="Lower the learning_rate or use the conservative preset, and look at the conversations that "
            "the message names. Retry halves the learning rate for you.",
        ),
        ErrorClass(
            error_type=TrainingErrorType.STORAGE,
            failure_class=FailureClass.PLATFORM,
            title="Checkpoints or results could not be stored",
            retryable=False,
            suggested_fix="Mend what the message names (space on the machine's disk, rights or limits of the object "
            "storage), then retry.",
        ),
        ErrorClass(
            error_type=TrainingErrorType.UNKNOWN,
            failure_class=FailureClass.PLATFORM,
            title="The training failed for an unexpected reason",
            retryable=True,
            suggested_fix="Retry once. If it fails again, export the job's events and send them to support.",
        ),
    )
}


def retry_adjustments(error_type: TrainingErrorType, hyperparameters: dict[str, Any]) -> dict[str, Any]:
    """The hyperparameter changes that a one-click retry applies after this error; empty when none would help."""
    if error_type is TrainingErrorType.OUT_OF_MEMORY:
        batch, accumulation = (
            hyperparameters["per_device_train_batch_size"],
            hyperparameters["gradient_accumulation_steps"],
        )
        if batch > 1:
            # The product of both, the samples per step, stays what the recipe says.
            return {
                "per_device_train_batch_size": batch // 2,
                "gradient_accumulation_steps": min(128, accumulation * 2),
            }
        return {"max_seq_length": max(128, hyperparameters["max_seq_length"] // 2)}
    if error_type is TrainingErrorType.DIVERGED:
        return {"learning_rate": hyperparameters["learning_rate"] / 2}
    if error_type is TrainingErrorType.TIMEOUT and hyperparameters["num_epochs"] > 1:
        return {"num_epochs": hyperparameters["num_epochs"] - 1}
    return {}
