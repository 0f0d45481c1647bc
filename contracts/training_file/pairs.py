"""Bright Run training pairs: one record is one turn of a conversation with all turns before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.training_file.fields import Place, labels, mapping

Message = tuple[str, str]
"""Role and content."""


@dataclass(frozen=True)
class Pair:
    """A sound record. `messages` ends with the user's input, once; `target` is None on a user's turn."""

    number: int
    system_prompt: str | None
    messages: tuple[Message, ...]
    target: str | None
    metadata: Mapping[str, str]

    @property
    def transcript(self) -> tuple[Message, ...]:
        return self.messages if self.target is None else (*self.messages, ("assistant", self.target))


def read_pair(record: Any, place: Place) -> Pair | None:
    """The pair, or None with the errors logged at `place`."""
    if not isinstance(record, dict):
        place.add("TF103_wrong_type", "the record must be an object")
        return None
    history = read_history(record.get("conversation_history"), place)
    user_input = place.required_text(record, "current_user_input")
    system_prompt = place.optional_text(record, "system_prompt")
    if history is None or user_input is None:
        read_target(record, False, place)
        return None
    repeated = bool(history) and history[-1][0] == "user" and history[-1][1].strip() == user_input.strip()
    target, sound = read_target(record, repeated, place)
    messages = history if repeated else (*history, ("user", user_input))
    if not sound or not alternates(messages, place):
        return None
    return Pair(place.pair or 0, system_prompt, messages, target, pair_labels(record))


def read_history(value: Any, place: Place) -> tuple[Message, ...] | None:
    if value is None:
        return ()
    if not isinstance(value, list):
        place.add("TF103_wrong_type", "conversation_history must be a list", "conversation_history")
        return None
    messages = [read_history_message(item, n, place) for n, item in enumerate(value, 1)]
    sound = tuple(message for message in messages if message is not None)
    return sound if len(sound) == len(messages) else None


def read_history_message(item: Any, number: int, place: Place) -> Message | None:
    field = f"conversation_history[{number}]"
    if not isinstance(item, dict):
        place.add("TF103_wrong_type", f"{field} must be an object", field)
        return None
    role = item.get("role")
    if role not in ("user", "assistant"):
        place.add("TF106_unsupported_role", f"{field} has the role {str(role)[:40]!r}", f"{field}.role")
        return None
    content = place.text(item.get("content"), f"{field}.content")
    return None if content is None else (role, content)


def read_target(record: Mapping[str, Any], answers: bool, place: Place) -> tuple[str | None, bool]:
    """The answer and whether the record is sound.

    A null stands for the user's turn, where the history does not hold the input yet. Where it does
    (`answers`), the record is the assistant's turn, and its answer was lost.
    """
    field = "target_response"
    if field not in record:
        place.add("TF101_missing_target", f"{field} is missing", field)
        return None, False
    if record[field] is None:
        if answers:
            place.add("TF101_missing_target", f"{field} is null, but this is the assistant's turn", field)
        return None, not answers
    target = place.text(record[field], field)
    return target, target is not None


def alternates(messages: tuple[Message, ...], place: Place) -> bool:
    for index, (role, _) in enumerate(messages):
        if role != ("user", "assistant")[index % 2]:
            text = f"message {index + 1} is from the {role}, where the {('user', 'assistant')[index % 2]} is due"
            place.add("TF105_not_alternating", text, "conversation_history")
            return False
    return True


def pair_labels(record: Mapping[str, Any]) -> dict[str, str]:
    about = mapping(record.get("conversation_metadata"))
    return labels(
        persona=about.get("persona_archetype"),
        client=about.get("client_persona"),
        emotional_arc=about.get("emotional_arc_key") or about.get("emotional_arc"),
        topic=about.get("training_topic_key") or about.get("training_topic"),
    )
