"""Bright Run's own formats: JSON v4 and v5, the older flat one, and JSONL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.chat import Conversation
from contracts.training_file.declared import DeclaredFacts
from contracts.training_file.fields import Place, labels, mapping
from contracts.training_file.issues import IssueLog
from contracts.training_file.layout import Entry, Format
from contracts.training_file.pairs import Message, Pair, read_pair
from contracts.training_file.rebuild import is_cut_off, rebuild

METADATA_KEYS = ("training_file_metadata", "dataset_metadata")

Rebuilt = Iterator[tuple[Conversation, Place]]


@dataclass
class PairGroup:
    """Pairs of one conversation met in a flat file; equal messages are kept in memory once."""

    number: int
    key: str
    complete: bool = True
    pairs: list[Pair] = field(default_factory=list)
    messages: dict[Message, Message] = field(default_factory=dict)

    def add(self, pair: Pair) -> None:
        shared = tuple(self.messages.setdefault(message, message) for message in pair.messages)
        self.pairs.append(Pair(pair.number, pair.system_prompt, shared, pair.target, pair.metadata))


class BrightRunReader:
    """Yields conversations and counts records; `number` is how many conversations the file holds."""

    def __init__(self, log: IssueLog, facts: DeclaredFacts, count_record: Callable[[], int]) -> None:
        self._log = log
        self._facts = facts
        self._count_record = count_record
        self._groups: dict[tuple[str, str], PairGroup] = {}
        self.number = self.answered = self.unanswered = 0

    def conversations(self, form: Format, found: Iterator[Entry]) -> Rebuilt:
        for entry in found:
            if entry.key == "conversations" and entry.index:
                yield from self._nested(entry.value)
            elif entry.key == "training_pairs" and entry.index:
                self._flat(entry.value)
            elif form is Format.BRIGHTRUN_JSONL:
                self._line(entry)
            elif entry.key in METADATA_KEYS:
                self._facts.note_metadata(entry.value)
        for group in self._groups.values():
            yield from self._grouped(group)

    def _line(self, entry: Entry) -> None:
        if entry.index == 1 and isinstance(entry.value, dict) and "_meta" in entry.value:
            self._facts.note_metadata(entry.value["_meta"])
        else:
            self._flat(entry.value)

    def _nested(self, value: Any) -> Rebuilt:
        """A conversation with its metadata and pairs; the key is the outer id, pair ids are not unique."""
        self.number += 1
        about = mapping(mapping(value).get("conversation_metadata"))
        key = identifier(about.get("conversation_id")) or f"conversation-{self.number}"
        place = Place(self._log, conversation=self.number, key=key)
        records = mapping(value).get("training_pairs")
        if not isinstance(records, list):
            self._count_record()
            place.add("TF104_missing_field", "training_pairs is missing or not a list", "training_pairs")
            return
        if identifier(about.get("conversation_id")) is None:
            place.add("TF211_missing_key", f"conversation_id is missing; kept as {key}", "conversation_id")
        turns = about.get("total_turns")
        if isinstance(turns, int) and turns != len(records):
            text = f"total_turns says {turns:,}, the conversation holds {len(records):,} records"
            place.add("TF203_totals_disagree", text, "total_turns")
        read = [self._read(record, self.number, key) for record in records]
        pairs = [pair for pair in read if pair is not None]
        yield from self._rebuilt(pairs, key, scaffolding_labels(about), place, len(pairs) == len(read))

    def _flat(self, record: Any) -> None:
        """A pair outside a conversation object: grouped by its id and by how its conversation begins."""
        about = mapping(record)
        given = identifier(about.get("conversation_id"))
        opening = opening_of(about)
        key = given or f"conversation-{len(self._groups) + 1}"
        group_key = (given or "", opening)
        group = self._groups.get(group_key)
        if group is None:
            self.number += 1
            group = self._groups[group_key] = PairGroup(self.number, key)
        pair = self._read(record, group.number, group.key)
        if pair is None:
            group.complete = False
        else:
            group.add(pair)

    def _read(self, record: Any, conversation: int, key: str) -> Pair | None:
        place = Place(self._log, conversation=conversation, key=key, pair=self._count_record())
        self._facts.note_quality(record)
        pair = read_pair(record, place)
        if pair is None:
            return None
        self.unanswered += pair.target is None
        self.answered += pair.target is not None
        if pair.target is not None and is_cut_off(pair.target):
            text = "target_response is cut off (it ends in a backslash or within an escape); it is not learnt"
            place.add("TF201_cut_off_target", text, "target_response")
        return pair

    def _grouped(self, group: PairGroup) -> Rebuilt:
        place = Place(self._log, conversation=group.number, key=group.key)
        yield from self._rebuilt(group.pairs, group.key, {}, place, group.complete)

    def _rebuilt(self, pairs: Sequence[Pair], key: str, about: dict[str, str], place: Place, complete: bool) -> Rebuilt:
        """Nothing more is said of a conversation whose answers are missing because their records have errors."""
        metadata = {**(pairs[0].metadata if pairs else {}), **about}
        self._facts.note_labels(metadata)
        if any(pair.target is not None for pair in pairs):
            for conversation in rebuild(pairs, key, metadata, place):
                yield conversation, place
        elif complete:
            place.add("TF108_no_answer", "the conversation has no assistant answer")


def identifier(value: Any) -> str | None:
    return value[:200] if isinstance(value, str) and value.strip() else None


def opening_of(record: dict[str, Any]) -> str:
    """The first message of the pair's conversation: ids alone are shared by different conversations."""
    history = record.get("conversation_history")
    first = history[0] if isinstance(history, list) and history else None
    text = mapping(first).get("content") if first is not None else record.get("current_user_input")
    return text.strip() if isinstance(text, str) else ""


def scaffolding_labels(about: dict[str, Any]) -> dict[str, str]:
    scaffolding = mapping(about.get("scaffolding"))
    return labels(
        persona=scaffolding.get("persona_key"),
        persona_name=scaffolding.get("persona_name"),
        emotional_arc=scaffolding.get("emotional_arc_key"),
        topic=scaffolding.get("training_topic_key"),
        quality_tier=about.get("quality_tier"),
    )
