"""Failures that nobody has made: another attempt, or another kind of machine, may do."""

from contracts.error_catalogue.codes import ErrorCode
from contracts.error_catalogue.edits import ChangeRule, Edit, Remedy
from contracts.error_catalogue.entry import CatalogueEntry
from contracts.error_taxonomy import FailureClass, TrainingErrorType
from contracts.gpus import PricingTier

_ON_DEMAND = Remedy(edits=(Edit(field="gpu_pricing_tier", rule=ChangeRule.SET, value=PricingTier.ON_DEMAND.value),))


def _entry(
    code: ErrorCode,
    error_type: TrainingErrorType,
    title: str,
    problem: str,
    cause: tuple[str, ...],
    fix: str,
    remedies: tuple[Remedy, ...] = (),
    patterns: tuple[str, ...] = (),
) -> CatalogueEntry:
    return CatalogueEntry(
        code=code,
        error_type=error_type,
        failure_class=FailureClass.INFRASTRUCTURE,
        title=title,
        problem=problem,
        likely_cause=cause,
        what_to_do=fix,
        retryable=True,
        remedies=remedies,
        patterns=patterns,
    )


ENTRIES = (
    _entry(
        ErrorCode.NO_GPU_CAPACITY,
        TrainingErrorType.PROVISIONING,
        "No GPU of this kind is free",
        "The provider had no such machine for as long as the job was willing to wait.",
        ("Asked for: {gpu_type} as {gpu_pricing_tier}.", "Waited for {waited_h:.1f} h."),
        "Retry later, or take on_demand capacity, of which there is more. Retry proposes the change.",
        (_ON_DEMAND,),
        (r"no (?:gpu|capacity|machine|instance)s?\b.{0,40}(?:available|free|to be had)",),
    ),
    _entry(
        ErrorCode.PROVISIONING_TIMEOUT,
        TrainingErrorType.PROVISIONING,
        "No machine came up in time",
        "A machine was asked for and none was ready within the time that this may take.",
        ("Asked for: {gpu_type} as {gpu_pricing_tier}.", "{tries} tries."),
        "Retry later, or take on_demand capacity. If it happens again, the provider's status page may know why.",
        (_ON_DEMAND,),
    ),
    _entry(
        ErrorCode.MACHINE_NOT_STARTED,
        TrainingErrorType.PROVISIONING,
        "The machines vanished before they ran",
        "The provider gave machines that were gone again before the trainer began.",
        ("{tries} tries.", "The last one: {reason}."),
        "Retry later, or take on_demand capacity.",
        (_ON_DEMAND,),
    ),
    _entry(
        ErrorCode.PROVIDER_UNAVAILABLE,
        TrainingErrorType.PROVISIONING,
        "The GPU provider does not answer",
        "The provider's interface failed or refused for too long.",
        ("It said: {reason}.",),
        "Retry in a few minutes; the provider's status page may know more.",
    ),
    _entry(
        ErrorCode.INTERRUPTED_TOO_OFTEN,
        TrainingErrorType.NETWORK,
        "The machine was taken away again and again",
        "Attempt after attempt was interrupted before a new checkpoint could be saved.",
        (
            "{interruptions} interruptions without progress on {gpu_pricing_tier} capacity.",
            "The newest checkpoint is of step {last_checkpoint_step:,}.",
        ),
        "Take on_demand capacity, which is not taken away. Retry proposes the change.",
        (_ON_DEMAND,),
    ),
    _entry(
        ErrorCode.NETWORK_LOST,
        TrainingErrorType.NETWORK,
        "The connection to the GPU machine was lost",
        "The machine could not reach what it needs, or could not be reached.",
        ("It happened during {stage}.",),
        "Nothing to do: the training resumes from its newest checkpoint. Retry if it stays failed.",
        patterns=(
            r"connection (?:reset|refused|was lost|aborted)",
            r"network is unreachable",
            r"temporary failure in name resolution",
        ),
    ),
    _entry(
        ErrorCode.DOWNLOAD_FAILED,
        TrainingErrorType.NETWORK,
        "The base model could not be downloaded",
        "The model hub did not answer, or the download broke off and did not recover.",
        ("It was about {base_model}.", "The hub answered {hub_status}."),
        "Nothing to do: the training is tried again. If it stays so, look at the hub's status page, or fill the "
        "model cache beforehand.",
    ),
    _entry(
        ErrorCode.NOT_RESUMED,
        TrainingErrorType.PROVISIONING,
        "No other machine took over",
        "The machine was lost, and no other one went on in its place.",
        ("The newest checkpoint is of step {last_checkpoint_step:,}.",),
        "Retry the job. If it happens again, whoever runs the server looks at the dead letters (brightrun dlq list).",
    ),
)
