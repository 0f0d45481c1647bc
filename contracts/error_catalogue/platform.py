"""Failures that whoever runs the installation has to look at."""

from contracts.error_catalogue.codes import ErrorCode
from contracts.error_catalogue.entry import CatalogueEntry
from contracts.error_taxonomy import FailureClass, TrainingErrorType

_SUPPORT = "Retry once. If it fails again, export the error log (brightrun error-log JOB_ID) and send it to support."


def _entry(
    code: ErrorCode,
    error_type: TrainingErrorType,
    title: str,
    problem: str,
    cause: tuple[str, ...],
    fix: str,
    patterns: tuple[str, ...] = (),
    retryable: bool = False,
) -> CatalogueEntry:
    return CatalogueEntry(
        code=code,
        error_type=error_type,
        failure_class=FailureClass.PLATFORM,
        title=title,
        problem=problem,
        likely_cause=cause,
        what_to_do=fix,
        retryable=retryable,
        patterns=patterns,
    )


ENTRIES = (
    _entry(
        ErrorCode.HOST_OUT_OF_MEMORY,
        TrainingErrorType.OUT_OF_MEMORY,
        "The machine ran out of main memory",
        "Not the GPU's memory but that of the machine around it is used up.",
        ("{host_memory_used_gb:.1f} of {host_memory_total_gb:.1f} GB were in use.", "It happened during {stage}."),
        "Choose a machine with more main memory, or a smaller base model; a base stored in 4 bits needs a quarter "
        "while it is loaded.",
        (r"can'?t allocate memory", r"cannot allocate memory", r"memoryerror", r"oom-kill"),
    ),
    _entry(
        ErrorCode.PROVIDER_BALANCE,
        TrainingErrorType.PROVISIONING,
        "The provider's account has no credit",
        "The account at the GPU provider has no money left; no machine can be had until somebody pays.",
        (),
        "Add credit to the provider's account, then retry.",
        (r"insufficient (?:balance|funds|credit)", r"no credit left"),
    ),
    _entry(
        ErrorCode.PROVIDER_REFUSED,
        TrainingErrorType.PROVISIONING,
        "The provider refuses the machine",
        "The provider will never accept this request: a wrong key, a right that is missing, or an impossible machine.",
        ("It said: {reason}.",),
        "Whoever runs the server checks the provider's key and settings (docs/operations/runpod.md, "
        "kubernetes-provider.md), then retry.",
    ),
    _entry(
        ErrorCode.IMAGE_PULL,
        TrainingErrorType.PROVISIONING,
        "The trainer's image could not be fetched",
        "The machine exists, but the container image of the trainer did not arrive on it.",
        ("The image is {image}.",),
        "Check the image's name and the registry's credentials in the provider's settings, then retry.",
        (r"(?:err)?image ?pull", r"manifest (?:for .*|unknown)", r"pull access denied"),
    ),
    _entry(
        ErrorCode.DISK_FULL,
        TrainingErrorType.STORAGE,
        "The machine's disk is full",
        "There is no room left for checkpoints or results on the machine that trains.",
        ("It happened during {stage}.",),
        "Give the machines a larger disk (docs/operations/runpod.md, kubernetes-provider.md), then retry.",
        (r"no space left on device", r"disk quota exceeded"),
    ),
    _entry(
        ErrorCode.STORAGE_REFUSED,
        TrainingErrorType.STORAGE,
        "The object storage does not take the results",
        "Checkpoints or results could not be stored, and repeating it does not help.",
        (),
        "Mend what the message names (rights or limits of the object storage), then retry.",
    ),
    _entry(
        ErrorCode.CHECKPOINT_DAMAGED,
        TrainingErrorType.STORAGE,
        "A checkpoint cannot be read back",
        "What was written as a checkpoint is not what is read: the disk or the storage damages files.",
        ("It is the checkpoint of step {checkpoint_step:,}.",),
        "Retry: another machine is used. If it happens again, check the object storage.",
    ),
    _entry(
        ErrorCode.NO_MACHINE_REQUESTED,
        TrainingErrorType.PROVISIONING,
        "The start got lost",
        "The start was accepted, and nobody asked for a machine.",
        (),
        "Retry the job. If it happens again, whoever runs the server looks at the dead letters (brightrun dlq list).",
        retryable=True,
    ),
    _entry(
        ErrorCode.STAGE_STALLED,
        TrainingErrorType.UNKNOWN,
        "A stage did not end",
        "The trainer went on saying that it lives, and did not get further.",
        ("It stood in {stage}.",),
        "Read the trainer's output (brightrun jobs logs JOB_ID), then retry the job.",
        retryable=True,
    ),
    _entry(
        ErrorCode.TRAINER_CRASHED,
        TrainingErrorType.UNKNOWN,
        "The trainer ended without a word",
        "The trainer's process ended by itself and left no result, several times in a row.",
        ("{tries} times.", "The last one: {reason}."),
        _SUPPORT,
        retryable=True,
    ),
    _entry(
        ErrorCode.ADAPTER_NOT_VERIFIED,
        TrainingErrorType.UNKNOWN,
        "The delivered adapter is not the trained one",
        "Read back from disk, the adapter behaves otherwise than the one that was trained; it is not delivered.",
        (),
        _SUPPORT,
        retryable=True,
    ),
    _entry(
        ErrorCode.UNKNOWN,
        TrainingErrorType.UNKNOWN,
        "The training failed for an unexpected reason",
        "Nobody foresaw this failure. The last lines of the trainer's output usually say what it was.",
        ("It happened during {stage}.",),
        _SUPPORT,
        retryable=True,
    ),
)
