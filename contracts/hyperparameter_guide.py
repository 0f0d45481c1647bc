"""What each hyperparameter does, in words for people who have never trained a model."""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from contracts.hyperparameters import HyperparameterOverrides

Kind = Literal["integer", "number", "choice", "choices"]

# In the order in which they are worth thinking about: title, explanation.
_WORDS: dict[str, tuple[str, str]] = {
    "learning_rate": ("Learning rate", "How large each correction is. Larger learns faster and forgets more; when the "
                      "loss jumps or rises, halve it."),
    "num_epochs": ("Epochs", "How often the whole file is read. More passes learn more by heart; time and cost grow "
                   "in proportion."),
    "lora_rank": ("LoRA rank", "How much the adapter can hold. More rank learns finer detail, and needs more memory "
                  "and data."),
    "lora_alpha": ("LoRA alpha", "How strongly the adapter speaks: what it says is multiplied by alpha / rank. Twice "
                   "the rank is usual."),
    "lora_dropout": ("LoRA dropout", "Share of the adapter that is switched off at random while it learns, against "
                     "learning by heart."),
    "target_modules": ("Layers", "Which linear layers get an adapter. All of them learn best; fewer need less memory."),
    "per_device_train_batch_size": ("Batch size", "Conversations that are computed together. More is faster, and "
                                    "needs more memory."),
    "gradient_accumulation_steps": ("Gradient accumulation", "Batches that are added up before one correction: the "
                                    "effect of a larger batch without its memory."),
    "warmup_ratio": ("Warm-up", "Share of the steps in which the learning rate rises from nothing, so that the first "
                     "corrections do no harm."),
    "lr_scheduler_type": ("Schedule", "How the learning rate falls towards the end: along a cosine, in a line, or not "
                          "at all."),
    "weight_decay": ("Weight decay", "Pulls the adapter's weights towards zero, against learning by heart."),
    "max_grad_norm": ("Gradient limit", "The largest correction that is let through; a single odd conversation cannot "
                      "spoil the run."),
    "max_seq_length": ("Longest conversation, tokens", "What is beyond is cut off and not learnt. Longer needs more "
                       "memory."),
    "validation_fraction": ("Held out", "Share of the conversations that is not trained on, and proves at the end what "
                            "was learnt."),
    "seed": ("Seed", "Start of the random numbers: the same seed, file and values give the same run again."),
}


class Guide(NamedTuple):
    """`above`: the value must be larger than this; `choices`: for the kinds of that name."""

    name: str
    title: str
    explanation: str
    kind: Kind
    minimum: float | None = None
    above: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()


def guides() -> Iterator[Guide]:
    """One for each hyperparameter; the limits are those of `HyperparameterOverrides`."""
    properties = HyperparameterOverrides.model_json_schema()["properties"]
    for name, (title, explanation) in _WORDS.items():
        yield Guide(name, title, explanation, **_limits(properties[name]["anyOf"][0]))


def _limits(schema: dict[str, Any]) -> dict[str, Any]:
    if schema["type"] == "array":
        return {"kind": "choices", "choices": tuple(schema["items"]["enum"])}
    if "enum" in schema:
        return {"kind": "choice", "choices": tuple(schema["enum"])}
    return {"kind": schema["type"], "minimum": schema.get("minimum"), "above": schema.get("exclusiveMinimum"),
            "maximum": schema.get("maximum")}
