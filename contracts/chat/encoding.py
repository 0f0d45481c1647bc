"""Token ids and loss mask of a conversation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from contracts.chat.conversation import Conversation
from contracts.chat.llama3 import Segment, render


class Encoding(Protocol):
    @property
    def ids(self) -> list[int]: ...

    @property
    def offsets(self) -> list[tuple[int, int]]: ...


class TokenizerLike(Protocol):
    """What `tokenizers.Tokenizer` offers (`backend_tokenizer` of a fast transformers tokenizer)."""

    def encode(self, sequence: str, *, add_special_tokens: bool = ...) -> Encoding: ...


@dataclass(frozen=True)
class EncodedConversation:
    """`input_ids` and `learn_mask` have one entry per token; 1 in the mask: the token carries loss."""

    input_ids: list[int]
    learn_mask: list[int]
    truncated: bool

    @property
    def labels(self) -> list[int]:
        """The ids with -100, which PyTorch's cross entropy ignores, where nothing is learnt."""
        pairs = zip(self.input_ids, self.learn_mask, strict=True)
        return [token if learn else -100 for token, learn in pairs]


def encode(conversation: Conversation, tokenizer: TokenizerLike, max_length: int | None = None) -> EncodedConversation:
    """Tokenize the rendered conversation and mark the learnt tokens; tokens past `max_length` are cut off.

    The text is tokenized as a whole and the marks are laid over the offsets: tokenizing segment by segment
    splits white space differently for some pre-tokenizers.
    """
    segments = render(conversation)
    encoding = tokenizer.encode("".join(s.text for s in segments), add_special_tokens=False)
    mask = learn_mask(encoding.offsets, learnt_spans(segments))
    limit = len(mask) if max_length is None else max_length
    return EncodedConversation(encoding.ids[:limit], mask[:limit], truncated=len(mask) > limit)


def learnt_spans(segments: Sequence[Segment]) -> Iterator[tuple[int, int]]:
    """Character ranges of the learnt segments within their joined text."""
    position = 0
    for segment in segments:
        if segment.learn:
            yield position, position + len(segment.text)
        position += len(segment.text)


def learn_mask(offsets: Sequence[tuple[int, int]], spans: Iterator[tuple[int, int]]) -> list[int]:
    """1 from the token that holds a span's first character to the one that holds its last; in one pass over both.

    A range, since tokens inside it may have empty offsets (white space trimmed off by byte-level BPE).
    """
    mask = [0] * len(offsets)
    holding = [(i, left, right) for i, (left, right) in enumerate(offsets) if right > left]
    at = 0
    for start, end in spans:
        while at < len(holding) and holding[at][2] <= start:
            at += 1
        first = at
        while at < len(holding) and holding[at][1] < end:
            at += 1
        if at > first:
            covered = range(holding[first][0], holding[at - 1][0] + 1)
            mask[covered.start : covered.stop] = [1] * len(covered)
    return mask
