"""How many tokens a conversation has, and how many of them carry loss: exactly, and fast enough for 200 MB."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from contracts.chat.conversation import Conversation
from contracts.chat.encoding import TokenizerLike, encode
from contracts.chat.llama3 import render
from contracts.chat.word_counts import WordCounts, splits_before_spaces

CHARS_PER_TOKEN = 4


class TokenCount(NamedTuple):
    """`whole`: of the rendered conversation. `learnt`: those of them that carry loss."""

    whole: int
    learnt: int


CountTokens = Callable[[Conversation], TokenCount]


def token_counter(tokenizer: TokenizerLike) -> CountTokens:
    """Exact counts: what `encode` gives, by way of remembered words where the tokenizer's rules allow it."""
    return by_words(tokenizer) if splits_before_spaces(tokenizer) else lambda item: by_encoding(item, tokenizer)


def by_encoding(conversation: Conversation, tokenizer: TokenizerLike) -> TokenCount:
    encoded = encode(conversation, tokenizer)
    return TokenCount(len(encoded.input_ids), sum(encoded.learn_mask))


def by_words(tokenizer: TokenizerLike) -> CountTokens:
    """Segments meet where such a tokenizer splits anyway: at a header's line feeds and at an end-of-turn token."""
    counts = WordCounts(tokenizer)

    def count(conversation: Conversation) -> TokenCount:
        found = [(counts.of(segment.text), segment.learn) for segment in render(conversation)]
        return TokenCount(sum(n for n, _ in found), sum(n for n, learn in found if learn))

    return count


def estimated(conversation: Conversation) -> TokenCount:
    """Without a tokenizer a token is taken as four characters."""
    segments = render(conversation)
    whole = sum(len(segment.text) for segment in segments)
    learnt = sum(-(-len(segment.text) // CHARS_PER_TOKEN) for segment in segments if segment.learn)
    return TokenCount(-(-whole // CHARS_PER_TOKEN), learnt)
