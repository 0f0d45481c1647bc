"""Checks over the text of all conversations: crisis content, duplicates, names, length."""

from __future__ import annotations

import hashlib
import re
from collections import Counter

from contracts.chat import Conversation
from contracts.training_file.crisis import speaks_of_crisis
from contracts.training_file.fields import Place
from contracts.training_file.issues import IssueLog

OPENING_NAME = re.compile(r"([A-Z][a-z]+)(?: [A-Z][a-z]+)?[,!.]? ")
NOT_NAMES = frozenset(
    """A An And As At But First Good Great Hello Here Hi How I If In It Let Many My No Now Of Oh Okay On One So
    Sometimes Sure Thank Thanks That The Then There These They This Those To Today We Welcome Well What When
    Where Why Yes You Your""".split()  # noqa: SIM905
)
NAME_SHARE = 0.3
NAME_ANSWERS = 10
OPENING_LENGTH = 80
TOP_NAMES = 3


class ContentChecks:
    """Fed one conversation at a time; what needs the whole file is said by `finish`."""

    def __init__(self, log: IssueLog) -> None:
        self._log = log
        self._openings: Counter[bytes] = Counter()
        self._names: Counter[str] = Counter()
        self._persona_names: set[str] = set()
        self._answers = 0
        self._seen: dict[bytes, str] = {}
        self._keys: Counter[str] = Counter()

    def is_copy(self, conversation: Conversation, place: Place) -> bool:
        """Whether the same text came before under whatever key; said once per copy."""
        text = conversation.model_dump_json(include={"system_prompt", "turns"})
        digest = hashlib.sha256(text.encode()).digest()
        first = self._seen.get(digest)
        if first is None:
            self._seen[digest] = conversation.key
            return False
        place.add("TF209_duplicated_conversation", f"an exact copy of {first}; the copy is left out")
        return True

    def with_own_key(self, conversation: Conversation, place: Place) -> Conversation:
        """The conversation under a key that no other has."""
        key = conversation.key
        self._keys[key] += 1
        if self._keys[key] == 1:
            return conversation
        while self._keys[own := f"{key}#{self._keys[key]}"]:
            self._keys[key] += 1
        self._keys[own] += 1
        place.add("TF210_reused_key", f"the identifier {key[:80]} is used before; kept as {own[-90:]}")
        return conversation.model_copy(update={"key": own})

    def needs_review(self, conversation: Conversation, place: Place) -> bool:
        turns = enumerate(conversation.turns, 1)
        number = next((number for number, turn in turns if speaks_of_crisis(turn.content)), None)
        if number is None:
            return False
        place.add("TF206_crisis_content", f"turn {number} speaks of suicide or self-harm: review the conversation")
        return True

    def note_answers(self, conversation: Conversation) -> None:
        self._persona_names |= first_names(conversation)
        for turn in conversation.answers:
            self._answers += 1
            self._openings[hashlib.sha256(opening_of(turn.content).encode()).digest()[:16]] += 1
            if name := OPENING_NAME.match(turn.content):
                self._names[name.group(1)] += 1

    def finish(self) -> None:
        """Say what only the whole file shows."""
        place = Place(self._log)
        copies = sum(count - 1 for count in self._openings.values() if count > 1)
        if copies:
            place.add(
                "TF204_duplicated_target",
                f"{copies:,} of {self._answers:,} answers open with the same {OPENING_LENGTH} characters as another",
                "target_response",
            )
        names = [(n, c) for n, c in self._names.most_common(20) if n in self._persona_names or n not in NOT_NAMES]
        top = names[:TOP_NAMES]
        opened = sum(count for _, count in top)
        if self._answers >= NAME_ANSWERS and opened >= NAME_SHARE * self._answers and top[0][1] > 2:
            listed = ", ".join(name for name, _ in top)
            text = f"{opened:,} of {self._answers:,} answers open with a name of few ({listed}); they may be memorised"
            place.add("TF207_name_memorisation", text, "target_response")


def opening_of(text: str) -> str:
    """The first characters in lower case, white space as one space each; of a long text only its beginning is read."""
    opening = " ".join(text[: 4 * OPENING_LENGTH].lower().split())
    # Twice as many are asked for: how a letter is lowered may depend on its neighbours, here where the text was cut.
    return (opening if len(opening) >= 2 * OPENING_LENGTH else " ".join(text.lower().split()))[:OPENING_LENGTH]


def first_names(conversation: Conversation) -> set[str]:
    about = conversation.metadata
    full = about.get("persona_name") or about.get("client", "")
    return {full.split()[0]} if full.split() else set()
