"""Which conversations are held out for evaluation."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from contracts.chat import Conversation
from contracts.evidence import HOLD_OUT_FRACTION, held_out_count

ARC = "emotional_arc"


class Split(NamedTuple):
    """Both sides in the order of the file."""

    train: tuple[Conversation, ...]
    held_out: tuple[Conversation, ...]


def hold_out(
    conversations: Iterable[Conversation], fraction: float = HOLD_OUT_FRACTION, seed: int = 42
) -> Split:
    """Hold out whole conversations, each emotional arc in proportion.

    Never by pair: pairs share their history, so a split by pair leaks. Samples of one source conversation
    stay together. With two or more conversations both sides have at least one. The choice depends only on
    seed and keys, not on the order of the file.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"fraction must be between 0 and 1, not {fraction}")
    found = tuple(conversations)
    strata = groups_by_arc(found, seed)
    sizes = {arc: len(groups) for arc, groups in strata.items()}
    chosen = {group for arc, share in shares(sizes, fraction).items() for group in strata[arc][:share]}
    return Split(
        train=tuple(c for c in found if c.group not in chosen),
        held_out=tuple(c for c in found if c.group in chosen),
    )


def groups_by_arc(conversations: Sequence[Conversation], seed: int) -> dict[str, list[str]]:
    """Group keys of each arc in an order drawn by the seed."""
    arc_of = {c.group: c.metadata.get(ARC, "") for c in reversed(conversations)}
    strata: defaultdict[str, list[str]] = defaultdict(list)
    for group in sorted(arc_of, key=lambda key: hashlib.sha256(f"{seed}:{key}".encode()).digest()):
        strata[arc_of[group]].append(group)
    return dict(sorted(strata.items()))


def shares(sizes: dict[str, int], fraction: float) -> dict[str, int]:
    """How many groups of each arc are held out: largest remainders, total rounded, at least one each side."""
    wanted = held_out_count(sum(sizes.values()), fraction)
    if not wanted:
        return dict.fromkeys(sizes, 0)
    share = {arc: int(size * fraction) for arc, size in sizes.items()}
    by_remainder = sorted(sizes, key=lambda arc: (share[arc] - sizes[arc] * fraction, -sizes[arc], arc))
    for arc in by_remainder:
        if sum(share.values()) < wanted and share[arc] < sizes[arc]:
            share[arc] += 1
    return share
