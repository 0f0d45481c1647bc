"""What can go wrong, said so that a person can act on it."""

from typing import Any

from contracts.error_catalogue import ErrorCode
from contracts.error_taxonomy import TrainingErrorType
from trainer_image.disk import is_full


class TrainerError(Exception):
    """A failure whose cause is known. `context` holds the figures beside the sentence.

    `error_code` names its entry in the catalogue. `retryable` and `suggested_fix` are those of the error's class in
    the taxonomy unless given here.
    """

    error_type = TrainingErrorType.UNKNOWN
    error_code = ErrorCode.UNKNOWN
    retryable: bool | None = None
    suggested_fix = ""

    def __init__(self, message: str, **context: Any) -> None:
        super().__init__(message)
        self.context = context


class DatasetError(TrainerError):
    """A record that is no conversation; its subclasses for what else can be wrong with a training file."""

    error_type = TrainingErrorType.DATASET
    error_code = ErrorCode.DATASET_FORMAT


class DatasetEmpty(DatasetError):
    error_code = ErrorCode.DATASET_EMPTY


class DatasetUnavailable(DatasetError):
    error_code = ErrorCode.DATASET_UNAVAILABLE


class SequenceTooLong(DatasetError):
    error_code = ErrorCode.SEQUENCE_TOO_LONG


class ModelAccessError(TrainerError):
    error_type = TrainingErrorType.MODEL_ACCESS
    error_code = ErrorCode.MODEL_NOT_USABLE


class ModelAccessRefused(ModelAccessError):
    """The hub has the model and does not give it to us."""

    error_code = ErrorCode.MODEL_ACCESS_REFUSED


class HubUnavailable(TrainerError):
    """The model hub does not answer, or not now."""

    error_type = TrainingErrorType.NETWORK
    error_code = ErrorCode.DOWNLOAD_FAILED
    suggested_fix = "Nothing to do: the training is tried again. If it stays so, look at the hub's status page."


class NetworkLost(TrainerError):
    error_type = TrainingErrorType.NETWORK
    error_code = ErrorCode.NETWORK_LOST


class TimeLimitExceeded(TrainerError):
    error_type = TrainingErrorType.TIMEOUT
    error_code = ErrorCode.TIME_LIMIT


class OutOfMemory(TrainerError):
    error_type = TrainingErrorType.OUT_OF_MEMORY
    error_code = ErrorCode.GPU_OUT_OF_MEMORY


class HostOutOfMemory(OutOfMemory):
    """Not the card's memory but the machine's."""

    error_code = ErrorCode.HOST_OUT_OF_MEMORY


class DeliveryError(TrainerError):
    """The adapter on disk is not the adapter that was trained."""

    error_code = ErrorCode.ADAPTER_NOT_VERIFIED


class Diverged(TrainerError):
    """The weights are no numbers any more; the same settings would end there again."""

    error_type = TrainingErrorType.DIVERGED
    error_code = ErrorCode.LOSS_NOT_FINITE


class StorageFailed(TrainerError):
    """The disk or the object storage does not take what has to be kept, and will not by itself."""

    error_type = TrainingErrorType.STORAGE
    error_code = ErrorCode.STORAGE_REFUSED


class DiskFull(StorageFailed):
    error_code = ErrorCode.DISK_FULL


class CheckpointDamaged(StorageFailed):
    error_code = ErrorCode.CHECKPOINT_DAMAGED


# PyTorch and the operating system say it in these ways; the list is tested.
_MEMORY_PHRASES = ("out of memory", "can't allocate memory", "cannot allocate memory", "cublas_status_alloc_failed")
_NETWORK_MODULES = ("httpx", "httpcore", "nats")


def is_out_of_memory(error: BaseException) -> bool:
    """Recognised without importing torch: an error may come before it is loaded."""
    names = {cls.__name__ for cls in type(error).__mro__}
    if names & {"OutOfMemoryError", "MemoryError"}:
        return True
    return isinstance(error, RuntimeError | OSError) and any(
        phrase in str(error).lower() for phrase in _MEMORY_PHRASES)


def is_of_the_host(error: BaseException) -> bool:
    """Whether lack of memory is that of the machine, not of its GPU."""
    of_the_gpu = any(cls.__name__ == "OutOfMemoryError" for cls in type(error).__mro__)
    return not of_the_gpu and not any(word in str(error).lower() for word in ("cuda", "cublas"))


def classify(error: BaseException, situation: dict[str, Any]) -> TrainerError:
    """The error as one of ours. `situation`: what was known about the run (stage, step, batch, longest, memory)."""
    if isinstance(error, TrainerError):
        error.context = {**situation, **error.context}
        return error
    if is_out_of_memory(error):
        kind = HostOutOfMemory if is_of_the_host(error) else OutOfMemory
        return kind(_memory_message(situation), **situation)
    if is_full(error):
        return DiskFull(f"No space is left on the machine's disk during {situation.get('stage') or 'start'}: "
                        f"{_one_line(error)}", **situation)
    if type(error).__module__.split(".")[0] in _NETWORK_MODULES or isinstance(error, ConnectionError):
        return NetworkLost(f"The connection was lost during {situation.get('stage') or 'start'}: "
                           f"{type(error).__name__}.", **situation)
    return TrainerError(f"{type(error).__name__} during {situation.get('stage') or 'start'}"
                        f"{_at_step(situation)}: {_one_line(error)}", **situation)


def _memory_message(situation: dict[str, Any]) -> str:
    message = f"Out of memory during {situation.get('stage') or 'start'}{_at_step(situation)}"
    if "tokens_at_once" in situation:
        message += (f": at most {situation['tokens_at_once']:,} tokens at once, up to "
                    f"{situation['max_seq_length']:,} a conversation")
    if "longest_conversation_tokens" in situation:
        message += (f"; the longest, {situation['longest_conversation']}, has "
                    f"{situation['longest_conversation_tokens']:,}")
    if "memory_total_gb" in situation:
        message += f"; {situation['memory_used_gb']:.1f} of {situation['memory_total_gb']:.1f} GB were in use"
    return message + "."


def _at_step(situation: dict[str, Any]) -> str:
    return f" at step {situation['step']}" if situation.get("step") else ""


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:500] or "no further message"
