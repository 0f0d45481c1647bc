"""Conversations and how they become Llama-3 text, tokens and a loss mask."""

from contracts.chat.conversation import Conversation, Role, Turn
from contracts.chat.encoding import EncodedConversation, TokenizerLike, encode, token_counter
from contracts.chat.llama3 import (
    CHAT_TEMPLATE,
    INFERENCE_CHAT_TEMPLATE,
    SPECIAL_TOKEN,
    Segment,
    render,
    rendered_text,
    to_messages,
)

__all__ = [
    "CHAT_TEMPLATE",
    "INFERENCE_CHAT_TEMPLATE",
    "SPECIAL_TOKEN",
    "Conversation",
    "EncodedConversation",
    "Role",
    "Segment",
    "TokenizerLike",
    "Turn",
    "encode",
    "render",
    "rendered_text",
    "to_messages",
    "token_counter",
]
