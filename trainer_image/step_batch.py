"""One batch of the data loader is one optimizer step: whole conversations, end to end, without padding."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

Row = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """The conversations of one optimizer step. Opaque to data loaders, which copy whatever they can look into."""

    rows: list[Row]


def collate_step(rows: list[Row]) -> dict[str, Any]:
    """A loader that knows only steps keeps epochs, order and resume exact, however a step is cut later on.

    `labels` are those of the whole step: transformers counts them, and the loss of every micro-batch is divided by
    their number. The first token of a conversation has nothing to be predicted from.
    """
    labels = [label for row in rows for label in (-100, *row["labels"][1:])]
    return {"labels": torch.tensor([labels]), "step": Step(rows)}


class FirstStep:
    """`collate_step`, but the first batch leaves out its first `seen` rows."""

    def __init__(self, seen: int) -> None:
        self._seen = seen

    def __call__(self, rows: list[Row]) -> dict[str, Any]:
        seen, self._seen = self._seen, 0
        return collate_step(rows[seen:])


def cut(rows: Sequence[Row], tokens: int) -> list[list[Row]]:
    """Neighbours together, in their order, as many as fit into `tokens`; a longer conversation is one of its own."""
    return list(_groups(rows, tokens))


def _groups(rows: Sequence[Row], tokens: int) -> Iterator[list[Row]]:
    group: list[Row] = []
    for row in rows:
        if group and size(group) + size([row]) > tokens:
            yield group
            group = []
        group.append(row)
    yield group


def size(rows: Sequence[Row]) -> int:
    """Tokens."""
    return sum(len(row["input_ids"]) for row in rows)


def longest(rows: Sequence[Row], number: int) -> list[Row]:
    """The first is the longest."""
    return sorted(rows, key=lambda row: len(row["input_ids"]), reverse=True)[:number]


def worst(rows: Sequence[Row], tokens: int) -> list[Row]:
    """The largest micro-batch that a step can be cut into, from the longest conversations of a run: as many as fit,
    and so much of the next that the budget is full. Steps come near that, none goes beyond."""
    group = [rows[0]]
    for row in rows[1:]:
        if (left := tokens - size(group)) > 1:
            group.append({**row, "input_ids": row["input_ids"][:left], "labels": row["labels"][:left]})
    return group
