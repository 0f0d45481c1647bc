"""Puts the pairs of one conversation together again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from contracts.chat import Conversation
from contracts.training_file.fields import Place
from contracts.training_file.pairs import Message, Pair

CUT_OFF = re.compile(r"\\(?:u[0-9a-fA-F]{0,3}|x[0-9a-fA-F]?)?$")
"""A text that ends in a backslash or within an escape: exports cut some answers at an escaped quote."""

TURNS_NAMED = 20


def is_cut_off(text: str) -> bool:
    return CUT_OFF.search(text.rstrip()) is not None


def rebuild(pairs: Sequence[Pair], key: str, metadata: dict[str, str], place: Place) -> Iterator[Conversation]:
    """One conversation with all its answers learnt; one per answer where the pairs do not share their prefix.

    Answers that are cut off stay as context of later turns but are not learnt.
    """
    whole = max(pairs, key=lambda pair: len(pair.messages) + (pair.target is not None))
    transcript = whole.transcript
    if all(pair.system_prompt == whole.system_prompt and continues(pair, transcript) for pair in pairs):
        positions = {len(pair.messages) for pair in pairs if pair.target is not None}
        say_trailing_user_turn(transcript, place)
        say_context_only(transcript, positions, place)
        yield from conversation_of(whole, positions, key, metadata, place)
        return
    answered = [pair for pair in pairs if pair.target is not None]
    place.add(
        "TF208_no_shared_prefix",
        f"the {len(pairs)} records do not continue one another; {len(answered)} answers become separate samples",
    )
    grouped = {**metadata, "source_conversation": key}
    for pair in answered:
        sample_key = f"{key}/pair-{pair.number}"
        yield from conversation_of(pair, {len(pair.messages)}, sample_key, grouped, place)


def continues(pair: Pair, transcript: Sequence[Message]) -> bool:
    """Whether the pair's own transcript is how `transcript` begins."""
    own = pair.transcript
    return transcript[: len(own)] == own


def conversation_of(
    pair: Pair, positions: set[int], key: str, metadata: dict[str, str], place: Place
) -> Iterator[Conversation]:
    """The pair's transcript up to its last answer that can be learnt; nothing where there is none."""
    transcript = pair.transcript
    learnable = {p for p in positions if not is_cut_off(transcript[p][1])}
    if not learnable:
        place.add("TF212_nothing_left", "no answer is left to learn; the conversation is left out")
        return
    end = max(learnable) + 1
    turns = [
        {"role": role, "content": content, "learn": position in learnable}
        for position, (role, content) in enumerate(transcript[:end])
    ]
    yield Conversation.model_validate(
        {
            "key": key,
            "number": place.conversation,
            "system_prompt": pair.system_prompt,
            "turns": turns,
            "metadata": metadata,
        }
    )


def say_trailing_user_turn(transcript: Sequence[Message], place: Place) -> None:
    if transcript[-1][0] == "user":
        place.add("TF202_trailing_user_turn", "ends on a user turn without an answer; the turn is dropped")


def say_context_only(transcript: Sequence[Message], positions: set[int], place: Place) -> None:
    unlearnt = [p for p, (role, _) in enumerate(transcript) if role == "assistant" and p not in positions]
    if unlearnt:
        turns = ", ".join(str(p + 1) for p in unlearnt[:TURNS_NAMED])
        if len(unlearnt) > TURNS_NAMED:
            turns += f" and {len(unlearnt) - TURNS_NAMED:,} more"
        place.add(
            "TF303_context_only_answer", f"the answers at turn {turns} stand only in the history: context, not learnt"
        )
