"""Records that hold a whole conversation: chat, prompt-completion and ShareGPT."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.chat import Conversation
from contracts.training_file.fields import Place, labels, mapping
from contracts.training_file.layout import Format
from contracts.training_file.rebuild import is_cut_off

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
}


@dataclass(frozen=True)
class ChatMessage:
    role: str
    content: str
    learn: bool


def read_chat_record(record: Mapping[str, Any], form: Format, key: str, place: Place) -> Conversation | None:
    """The conversation of one record, or None with the reasons logged."""
    messages = READERS[form](record, place)
    return None if messages is None else conversation_from(messages, key, chat_labels(record), place)


def read_messages(record: Mapping[str, Any], place: Place) -> list[ChatMessage] | None:
    return read_list(record.get("messages"), "messages", ("role", "content"), place)


def read_sharegpt(record: Mapping[str, Any], place: Place) -> list[ChatMessage] | None:
    messages = read_list(record.get("conversations"), "conversations", ("from", "value"), place)
    system = place.optional_text(record, "system")
    if messages is None or system is None or (messages and messages[0].role == "system"):
        return messages
    return [ChatMessage("system", system, learn=False), *messages]


def read_prompt_completion(record: Mapping[str, Any], place: Place) -> list[ChatMessage] | None:
    prompt = read_side(record, "prompt", "user", place)
    completion = read_side(record, "completion", "assistant", place)
    if prompt is None or completion is None:
        return None
    return [ChatMessage(m.role, m.content, learn=False) for m in prompt] + completion


READERS: dict[Format, Callable[[Mapping[str, Any], Place], list[ChatMessage] | None]] = {
    Format.CHAT: read_messages,
    Format.PROMPT_COMPLETION: read_prompt_completion,
    Format.SHAREGPT: read_sharegpt,
}


def read_side(record: Mapping[str, Any], field: str, role: str, place: Place) -> list[ChatMessage] | None:
    """A prompt or completion: a text, or a list of messages."""
    if isinstance(record.get(field), list):
        return read_list(record[field], field, ("role", "content"), place)
    text = place.required_text(record, field)
    return None if text is None else [ChatMessage(role, text, learn=role == "assistant")]


def read_list(value: Any, field: str, names: tuple[str, str], place: Place) -> list[ChatMessage] | None:
    if not isinstance(value, list):
        place.add("TF103_wrong_type", f"{field} must be a list of messages", field)
        return None
    messages = [read_message(item, f"{field}[{n}]", names, place) for n, item in enumerate(value, 1)]
    sound = [message for message in messages if message is not None]
    return sound if len(sound) == len(messages) else None


def read_message(item: Any, field: str, names: tuple[str, str], place: Place) -> ChatMessage | None:
    """`weight: 0` on an answer, as OpenAI's format has it, keeps it as context only."""
    role_name, content_name = names
    if not isinstance(item, dict):
        place.add("TF103_wrong_type", f"{field} must be an object", field)
        return None
    given = item.get(role_name)
    role = ROLES.get(given) if isinstance(given, str) else None
    if role is None:
        text = f"{field}.{role_name} is {str(given)[:40]!r}"
        place.add("TF106_unsupported_role", text, f"{field}.{role_name}")
        return None
    if content_name not in item:
        place.add("TF104_missing_field", f"{field}.{content_name} is missing", f"{field}.{content_name}")
        return None
    content = place.text(item[content_name], f"{field}.{content_name}")
    if content is None:
        return None
    return ChatMessage(role, content, learn=role == "assistant" and item.get("weight") != 0)


def conversation_from(
    messages: Sequence[ChatMessage], key: str, metadata: dict[str, str], place: Place
) -> Conversation | None:
    """Check the order, say and drop what follows the last learnable answer."""
    system = messages[0].content if messages and messages[0].role == "system" else None
    turns = list(messages if system is None else messages[1:])
    if not takes_turns(turns, place):
        return None
    if not any(turn.role == "assistant" for turn in turns):
        place.add("TF108_no_answer", "the conversation has no assistant answer")
        return None
    if turns[-1].role == "user":
        place.add("TF202_trailing_user_turn", "ends on a user turn without an answer; the turn is dropped")
    for number, turn in enumerate(turns, 1):
        if turn.learn and is_cut_off(turn.content):
            place.add("TF201_cut_off_target", f"the answer at turn {number} is cut off and is not learnt")
    learnable = {i for i, turn in enumerate(turns) if turn.learn and not is_cut_off(turn.content)}
    if not learnable:
        place.add("TF212_nothing_left", "no answer is left to learn; the conversation is left out")
        return None
    kept = [
        {"role": turn.role, "content": turn.content, "learn": index in learnable}
        for index, turn in enumerate(turns[: max(learnable) + 1])
    ]
    return Conversation.model_validate(
        {"key": key, "number": place.conversation, "system_prompt": system, "turns": kept, "metadata": metadata}
    )


def takes_turns(turns: Sequence[ChatMessage], place: Place) -> bool:
    for index, turn in enumerate(turns):
        due = ("user", "assistant")[index % 2]
        if turn.role != due:
            place.add("TF105_not_alternating", f"turn {index + 1} is from the {turn.role}, where the {due} is due")
            return False
    return True


def chat_labels(record: Mapping[str, Any]) -> dict[str, str]:
    about = {**record, **mapping(record.get("metadata"))}
    return labels(
        persona=about.get("persona"),
        persona_name=about.get("persona_name"),
        emotional_arc=about.get("emotional_arc"),
        topic=about.get("topic"),
    )
