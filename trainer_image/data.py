"""The training file as token sequences: what is trained, what is held out."""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from contracts.chat import Conversation, TokenizerLike, encode
from contracts.hyperparameters import Hyperparameters
from contracts.training_file import hold_out, read_canonical
from trainer_image.errors import DatasetEmpty, DatasetError, DatasetUnavailable, SequenceTooLong
from trainer_image.objects import ObjectDamaged, ObjectMissing, Objects

_log = logging.getLogger(__name__)

_FILE = "conversations.jsonl"


@dataclass(frozen=True)
class Sample:
    """One conversation. `labels` are the ids, -100 where nothing is learnt (PyTorch's ignored index).

    Samples with the same `source` are answers of one conversation and share its history.
    """

    key: str
    group: str | None
    prompt: tuple[int, ...]
    input_ids: list[int]
    labels: list[int]
    truncated: bool = False
    source: str | None = None
    number: int | None = None
    system_prompt: str | None = None

    @property
    def name(self) -> str:
        """As the file's check names it: by its number there, where that is known."""
        return f"conversation {self.key}" if self.number is None else f"conversation {self.number} (id {self.key})"

    @property
    def learnt_tokens(self) -> int:
        """Tokens that carry loss: the first of a sequence has nothing to be predicted from."""
        return sum(label != -100 for label in self.labels[1:])


@dataclass(frozen=True)
class TrainingData:
    """`train` and `held_out` in the order of the file."""

    train: tuple[Sample, ...]
    held_out: tuple[Sample, ...]
    left_out: tuple[Sample, ...]

    @property
    def samples(self) -> tuple[Sample, ...]:
        return self.train + self.held_out

    @property
    def longest(self) -> Sample:
        return max(self.samples, key=lambda sample: len(sample.input_ids))

    @property
    def train_tokens(self) -> int:
        """Tokens of one pass over the training side, context included."""
        return sum(len(sample.input_ids) for sample in self.train)

    @property
    def usual_system_prompt(self) -> str | None:
        """The one that most trained conversations begin with; None when most have none."""
        return Counter(sample.system_prompt for sample in self.train).most_common(1)[0][0]

    @property
    def truncated(self) -> tuple[Sample, ...]:
        return tuple(sample for sample in self.samples if sample.truncated)


def fetch_conversations(objects: Objects, folder: Path, sha256: str) -> list[Conversation]:
    """Download the stored form and read it. Raises DatasetError."""
    path = folder / _FILE
    try:
        objects.get_file("training_file", _FILE, path, sha256)
    except ObjectMissing as error:
        raise DatasetUnavailable("The training file is no longer in the storage; upload it again.") from error
    except ObjectDamaged as error:
        raise DatasetUnavailable(
            f"The training file in the storage is not the one that was checked: {error}") from error
    with path.open("rb") as lines:
        return read_conversations(lines)


def read_conversations(lines: Iterable[bytes]) -> list[Conversation]:
    """Raises DatasetError that names the line."""
    conversations: list[Conversation] = []
    try:
        for conversation in read_canonical(lines):
            conversations.append(conversation)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise DatasetError(
            f"Line {len(conversations) + 1} of the training file is no conversation: {first['msg']} ({field})",
            conversation=len(conversations) + 1, **_pair(first["loc"]), field=field) from error
    if not conversations:
        raise DatasetEmpty("The training file holds no conversation.")
    return conversations


def _pair(location: tuple[int | str, ...]) -> dict[str, int]:
    """The pair (a question and its answer, from 1) that a place inside a conversation belongs to."""
    return {"pair": location[1] // 2 + 1} if len(location) > 1 and isinstance(location[1], int) else {}


def prepare(
    conversations: Sequence[Conversation], tokenizer: TokenizerLike, hyperparameters: Hyperparameters,
    max_length: int,
) -> TrainingData:
    """Split by conversation, then tokenize. Raises DatasetError when nothing is left to train on.

    A conversation of which only the context fits into `max_length` teaches nothing and is left out.
    """
    split = hold_out(conversations, hyperparameters.validation_fraction, hyperparameters.seed)
    sides = [[_sample(conversation, tokenizer, max_length) for conversation in side] for side in split]
    train, held_out = (tuple(sample for sample in side if sample.learnt_tokens) for side in sides)
    left_out = tuple(sample for side in sides for sample in side if not sample.learnt_tokens)
    if not train:
        raise SequenceTooLong(
            f"None of the {len(conversations)} conversations has an answer within the first {max_length:,} tokens.",
            conversations=len(conversations), max_seq_length=max_length,
            left_out=[sample.name for sample in left_out[:20]])
    return TrainingData(train, held_out, left_out)


def _sample(conversation: Conversation, tokenizer: TokenizerLike, max_length: int) -> Sample:
    encoded = encode(conversation, tokenizer, max_length)
    first_learnt = next((i for i, learnt in enumerate(encoded.learn_mask) if learnt), len(encoded.input_ids))
    return Sample(
        key=conversation.key, group=conversation.metadata.get("emotional_arc"),
        prompt=tuple(encoded.input_ids[:first_learnt]), input_ids=encoded.input_ids, labels=encoded.labels,
        truncated=encoded.truncated, source=conversation.metadata.get("source_conversation"),
        number=conversation.number, system_prompt=conversation.system_prompt,
    )
