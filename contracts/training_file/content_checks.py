"""Checks over the text of all conversations: crisis content, duplicates, names, length."""

from __future__ import annotations

import hashlib
import re
from collections import Counter

from contracts.chat import Conversation
from contracts.training_file.fields import Place
from contracts.training_file.issues import IssueLog

CRISIS = re.compile(
    r"suicid|self[- ]?harm|\bkill(?:ing)? (?:myself|himself|herself|themselves)\b"
    r"|\bend(?:ing)? (?:my|my own) life\b|\bend(?:ing)? it all\b|\b(?:hurt|harm|cut)(?:ing|ting)? myself\b"
    r"|\bbetter off (?:without me|dead)\b|\b(?:want|wanted|wanting) to die\b"
    r"|\b(?:call|text|dial)\w*(?: or text)? 988\b|\b988 (?:suicide|lifeline|crisis)|\bcrisis (?:life)?line\b"
    r"|\b(?:no|any) reason to (?:live|go on)\b|\bdon'?t want to (?:be alive|live any ?more)\b",
    re.IGNORECASE,
)
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
        self._openings: Counter[str] = Counter()
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
        found = next((turn for turn in conversation.turns if CRISIS.search(turn.content)), None)
        if found is None:
            return False
        number = conversation.turns.index(found) + 1
        place.add("TF206_crisis_content", f"turn {number} speaks of suicide or self-harm: review the conversation")
        return True

    def note_answers(self, conversation: Conversation) -> None:
        self._persona_names |= first_names(conversation)
        for turn in conversation.answers:
            self._answers += 1
            opening = " ".join(turn.content.lower().split())[:OPENING_LENGTH]
            self._openings[hashlib.sha256(opening.encode()).hexdigest()[:32]] += 1
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


def first_names(conversation: Conversation) -> set[str]:
    about = conversation.metadata
    full = about.get("persona_name") or about.get("client", "")
    return {full.split()[0]} if full.split() else set()
