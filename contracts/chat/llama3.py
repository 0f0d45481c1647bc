"""Llama-3 chat rendering: one definition for the preview, the token count and the trainer.

Source: the `chat_template` of meta-llama/Meta-Llama-3-8B-Instruct. Its content is trimmed, each message
is `<|start_header_id|>ROLE<|end_header_id|>\\n\\nCONTENT<|eot_id|>`, the first is preceded by the
begin-of-text token.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from contracts.chat.conversation import Conversation

BEGIN_OF_TEXT = "<|begin_of_text|>"
END_OF_TURN = "<|eot_id|>"

SPECIAL_TOKEN = re.compile(
    r"<\|(?:begin_of_text|end_of_text|start_header_id|end_header_id|eot_id|eom_id|python_tag"
    r"|finetune_right_pad_id|reserved_special_token_\d+)\|>"
)
"""Text that the tokenizer reads as control tokens; in a message it would end or forge a turn."""

INFERENCE_CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if loop.first %}{{ bos_token }}{% endif %}"
    "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'"
    " + message['content'] | trim + '<|eot_id|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
"""Llama-3's own template; shipped with an adapter, since not every runtime knows `generation` marks."""

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if loop.first %}{{ bos_token }}{% endif %}"
    "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' }}"
    "{% if message['role'] == 'assistant' and message['learn'] is not false %}"
    "{% generation %}{{ message['content'] | trim + '<|eot_id|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] | trim + '<|eot_id|>' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
"""The same text with `{% generation %}` marks, which TRL's `assistant_only_loss` needs.

A message with `"learn": false` is context only; without the key every assistant message is learnt.
"""


@dataclass(frozen=True)
class Segment:
    """A piece of the rendered text. `learn`: its tokens carry loss."""

    text: str
    learn: bool


def header(role: str) -> str:
    return f"<|start_header_id|>{role}<|end_header_id|>\n\n"


def render(conversation: Conversation) -> list[Segment]:
    """The conversation as trained, in order; learnt segments are an answer with its end-of-turn token.

    Neighbouring segments never both carry loss: a header, never learnt, stands between them.
    """
    pending = BEGIN_OF_TEXT
    if conversation.system_prompt is not None:
        pending += header("system") + conversation.system_prompt.strip() + END_OF_TURN
    segments: list[Segment] = []
    for turn in conversation.turns:
        pending += header(turn.role)
        body = turn.content.strip() + END_OF_TURN
        if turn.learn:
            segments += [Segment(pending, learn=False), Segment(body, learn=True)]
            pending = ""
        else:
            pending += body
    return [*segments, Segment(pending, learn=False)] if pending else segments


def rendered_text(conversation: Conversation) -> str:
    return "".join(segment.text for segment in render(conversation))


def to_messages(conversation: Conversation) -> list[dict[str, str | bool]]:
    """The messages `CHAT_TEMPLATE` takes; every message has the same keys, as Arrow tables want them."""
    system = conversation.system_prompt
    messages: list[dict[str, str | bool]] = []
    if system is not None:
        messages.append({"role": "system", "content": system, "learn": False})
    for turn in conversation.turns:
        messages.append({"role": turn.role, "content": turn.content, "learn": turn.learn})
    return messages
