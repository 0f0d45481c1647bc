"""Failures that the person who started the job can mend."""

from contracts.error_catalogue.codes import ErrorCode
from contracts.error_catalogue.edits import ChangeRule, Edit, Remedy
from contracts.error_catalogue.entry import CatalogueEntry
from contracts.error_taxonomy import FailureClass, TrainingErrorType

_HALF_BATCH = Remedy(
    # The product of both, the conversations per step, stays what the recipe says.
    edits=(
        Edit(field="per_device_train_batch_size", rule=ChangeRule.HALVE, at_least=1),
        Edit(field="gradient_accumulation_steps", rule=ChangeRule.DOUBLE, at_most=128),
    ),
    # A trainer that says how many tokens it computed at once has come down to one conversation by itself.
    unless_known="tokens_at_once",
)
_SHORTER = Remedy(edits=(Edit(field="max_seq_length", rule=ChangeRule.HALVE, at_least=128),))
_LONGER = Remedy(
    edits=(Edit(field="max_seq_length", rule=ChangeRule.DOUBLE, at_most=32_768, at_most_fact="context_length"),)
)
_SLOWER = Remedy(edits=(Edit(field="learning_rate", rule=ChangeRule.HALVE),))
_FEWER_EPOCHS = Remedy(edits=(Edit(field="num_epochs", rule=ChangeRule.ADD, value=-1, at_least=1),))
_MORE_TIME = Remedy(edits=(Edit(field="max_duration_s", rule=ChangeRule.DOUBLE, at_most=24 * 3600),))


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
        failure_class=FailureClass.USER,
        title=title,
        problem=problem,
        likely_cause=cause,
        what_to_do=fix,
        remedies=remedies,
        patterns=patterns,
    )


ENTRIES = (
    _entry(
        ErrorCode.GPU_OUT_OF_MEMORY,
        TrainingErrorType.OUT_OF_MEMORY,
        "The GPU ran out of memory",
        "What has to lie in the GPU's memory at the same time is more than the card has.",
        (
            "An adapter of rank {lora_rank} on {base_model} with conversations of up to {max_seq_length:,} tokens.",
            "The longest, {longest_conversation}, has {longest_conversation_tokens:,} tokens.",
            "{tokens_at_once:,} tokens were computed at once, which cannot be fewer than one conversation.",
            "{memory_used_gb:.1f} of {memory_total_gb:.1f} GB were in use.",
        ),
        "Let fewer or shorter conversations be computed at once, choose a smaller lora_rank, or a card with more "
        "memory. Retry proposes the change.",
        (_HALF_BATCH, _SHORTER),
        (r"cuda.{0,40}out of memory", r"cublas_status_alloc_failed", r"outofmemoryerror"),
    ),
    _entry(
        ErrorCode.DATASET_FORMAT,
        TrainingErrorType.DATASET,
        "A conversation of the training file cannot be read",
        "A record of the training file does not have the form of a conversation.",
        ("Conversation {conversation}.", "Pair {pair}.", "Field '{field}'."),
        "Correct the record that is named, check the file (brightrun validate FILE) and upload it again.",
    ),
    _entry(
        ErrorCode.DATASET_EMPTY,
        TrainingErrorType.DATASET,
        "The training file holds nothing to train on",
        "There is no conversation in the training file.",
        (),
        "Upload a file with at least one conversation that ends with an answer.",
    ),
    _entry(
        ErrorCode.DATASET_UNAVAILABLE,
        TrainingErrorType.DATASET,
        "The stored training file is missing or damaged",
        "The file in the storage is gone, or is not the one that was checked when it was uploaded.",
        (),
        "Upload the file again and make the job from the new upload.",
    ),
    _entry(
        ErrorCode.SEQUENCE_TOO_LONG,
        TrainingErrorType.DATASET,
        "The conversations are longer than the limit",
        "No conversation has an answer within the tokens that are trained of it.",
        (
            "{conversations:,} conversations, of each the first {max_seq_length:,} tokens.",
            "{base_model} reads at most {context_length:,}.",
        ),
        "Raise max_seq_length where the model and the card allow it, or shorten system prompts and context.",
        (_LONGER,),
    ),
    _entry(
        ErrorCode.MODEL_ACCESS_REFUSED,
        TrainingErrorType.MODEL_ACCESS,
        "The base model may not be read",
        "The model hub refuses the base model to this installation's account.",
        ("{base_model} is gated or private.", "The hub answered {hub_status}."),
        "Have the model's owner grant your hub account access, and set HF_TOKEN to a token that may read it; then "
        "retry.",
        patterns=(r"gated repo", r"access to model .* is restricted"),
    ),
    _entry(
        ErrorCode.MODEL_NOT_USABLE,
        TrainingErrorType.MODEL_ACCESS,
        "The base model cannot be loaded",
        "What BASE_MODEL names is no model, is incomplete, or is of a kind that is not trained here.",
        ("It names {base_model}.",),
        "Check BASE_MODEL: an instruct model of the Llama 3 family, as a hub id or a whole model folder.",
    ),
    _entry(
        ErrorCode.TIME_LIMIT,
        TrainingErrorType.TIMEOUT,
        "The training exceeded its time limit",
        "The job used up the time that it may run over all its attempts.",
        ("Its limit is {max_duration_h:g} h.", "It had done {step:,} of {total_steps:,} steps."),
        "Allow more time (max_duration_s, at most 24 h) or train fewer epochs. Retry proposes the change.",
        (_MORE_TIME, _FEWER_EPOCHS),
    ),
    _entry(
        ErrorCode.LOSS_NOT_FINITE,
        TrainingErrorType.DIVERGED,
        "The loss is not a number any more",
        "After a step too large the weights are no numbers; nothing that follows can be learnt.",
        ("It began at step {first_step:,} with a learning_rate of {learning_rate:g}.",),
        "Lower the learning_rate and look at the conversations that the message names. Retry halves the learning "
        "rate for you.",
        (_SLOWER,),
    ),
    _entry(
        ErrorCode.LOSS_DIVERGED,
        TrainingErrorType.DIVERGED,
        "The loss grows instead of falling",
        "The steps are too large: each one undoes more than it learns.",
        ("The learning_rate is {learning_rate:g}.", "The loss went from {lowest_loss:.3f} to {loss:.3f}."),
        "Lower the learning_rate or use the conservative preset. Retry halves the learning rate for you.",
        (_SLOWER,),
    ),
    _entry(
        ErrorCode.BUDGET_STOP,
        TrainingErrorType.BUDGET,
        "The budget stopped the run",
        "The money that was set aside for this job, or the month's budget, is used up.",
        ("It had cost ${cost_usd:.2f}.", "${limit_usd:.2f} were allowed."),
        "Raise the monthly budget, or train fewer epochs. A retry is estimated anew before it starts.",
        (_FEWER_EPOCHS,),
    ),
    _entry(
        ErrorCode.PAUSED_TOO_LONG,
        TrainingErrorType.TIMEOUT,
        "The job was paused for too long",
        "A paused job keeps its checkpoints for a limited time, which is over.",
        ("It was paused for {waited_h:.0f} hours.",),
        "Continue it as a new job while its checkpoints are there (72 hours by default).",
    ),
)
