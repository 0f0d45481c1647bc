"""Why a training failed, told exactly. Each code refines one `TrainingErrorType`, which stays the released promise."""

from enum import StrEnum


class ErrorCode(StrEnum):
    # the user can act on it
    GPU_OUT_OF_MEMORY = "gpu_out_of_memory"
    DATASET_FORMAT = "dataset_format"
    DATASET_EMPTY = "dataset_empty"
    DATASET_UNAVAILABLE = "dataset_unavailable"
    SEQUENCE_TOO_LONG = "sequence_too_long"
    MODEL_ACCESS_REFUSED = "model_access_refused"
    MODEL_NOT_USABLE = "model_not_usable"
    TIME_LIMIT = "time_limit"
    LOSS_NOT_FINITE = "loss_not_finite"
    LOSS_DIVERGED = "loss_diverged"
    BUDGET_STOP = "budget_stop"
    PAUSED_TOO_LONG = "paused_too_long"
    # nobody's fault: another attempt may do
    NO_GPU_CAPACITY = "no_gpu_capacity"
    PROVISIONING_TIMEOUT = "provisioning_timeout"
    MACHINE_NOT_STARTED = "machine_not_started"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    INTERRUPTED_TOO_OFTEN = "interrupted_too_often"
    NETWORK_LOST = "network_lost"
    DOWNLOAD_FAILED = "download_failed"
    NOT_RESUMED = "not_resumed"
    # whoever runs the installation must act
    HOST_OUT_OF_MEMORY = "host_out_of_memory"
    PROVIDER_BALANCE = "provider_balance"
    PROVIDER_REFUSED = "provider_refused"
    IMAGE_PULL = "image_pull"
    DISK_FULL = "disk_full"
    STORAGE_REFUSED = "storage_refused"
    CHECKPOINT_DAMAGED = "checkpoint_damaged"
    NO_MACHINE_REQUESTED = "no_machine_requested"
    STAGE_STALLED = "stage_stalled"
    TRAINER_CRASHED = "trainer_crashed"
    ADAPTER_NOT_VERIFIED = "adapter_not_verified"
    UNKNOWN = "unknown"
