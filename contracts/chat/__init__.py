"""Conversations and how they become Llama-3 text, tokens and a loss mask."""

from contracts.chat.conversation import Conversation, Role, Turn
from contracts.chat.counting import CountTokens, TokenCount, estimated, token_counter
from contracts.chat.encoding import EncodedConversation, TokenizerLike, encode
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
    "CountTokens",
    "EncodedConversation",
    "Role",
    "Segment",
    "TokenCount",
    "TokenizerLike",
    "Turn",
    "encode",
    "estimated",
    "render",
    "rendered_text",
    "to_messages",
    "token_counter",
]
