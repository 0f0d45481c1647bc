"""Conversations exactly as they will be trained: the rendered text, cut where training cuts, learnt parts marked."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from contracts.chat import Conversation, Segment, encode, render
from contracts.chat.counting import CHARS_PER_TOKEN
from services.job_api.files.tokenizer import BaseTokenizer, LastEncoding

# Around learnt text in `marked_text`.
MARKS = ("⟦", "⟧")


@dataclass(frozen=True)
class Piece:
    """Text between two marks. `cut_off`: beyond the maximum length, never seen in training. `tokens`: null when
    no tokenizer is at hand."""

    text: str
    learn: bool
    cut_off: bool
    tokens: int | None


def preview(conversation: Conversation, base: BaseTokenizer | None, max_length: int) -> dict[str, Any]:
    """As a JSON object; `token_ids` and `learn_mask` are what the trainer computes, by the same code."""
    segments = render(conversation)
    shown = _exact(conversation, segments, base, max_length) if base else _estimated(segments, max_length)
    text = "".join(segment.text for segment in segments)
    pieces: list[Piece] = shown.pop("pieces")
    return {
        "key": conversation.key,
        "number": conversation.number,
        "metadata": conversation.metadata,
        "system_prompt": conversation.system_prompt,
        "turns": [turn.model_dump() for turn in conversation.turns],
        "text": text,
        "marked_text": marked(pieces),
        "segments": [asdict(piece) for piece in pieces],
        **shown,
    }


def marked(pieces: Sequence[Piece]) -> str:
    """What is trained, with learnt text between marks."""
    before, after = MARKS
    return "".join(f"{before}{p.text}{after}" if p.learn else p.text for p in pieces if not p.cut_off)


def _exact(
    conversation: Conversation, segments: Sequence[Segment], base: BaseTokenizer, max_length: int
) -> dict[str, Any]:
    tokenizer = LastEncoding(base.tokenizer)
    whole, kept = encode(conversation, tokenizer), encode(conversation, tokenizer, max_length)
    text = "".join(segment.text for segment in segments)
    cut = tokenizer.encode(text, add_special_tokens=False).offsets[max_length][0] if kept.truncated else len(text)
    # Learnt and other segments alternate, and so do the runs of the mask.
    runs = [len(list(run)) for _, run in groupby(whole.learn_mask)]
    return {
        "pieces": list(_split(segments, runs, cut, max_length)),
        "tokens": len(kept.input_ids),
        "learnt_tokens": sum(kept.learn_mask),
        "tokens_before_cut": len(whole.input_ids),
        "truncated": kept.truncated,
        "token_ids": kept.input_ids,
        "learn_mask": kept.learn_mask,
    }


def _split(segments: Sequence[Segment], runs: Sequence[int], cut: int, max_length: int) -> Iterator[Piece]:
    position = token = 0
    for segment, length in zip(segments, runs, strict=True):
        kept = segment.text[: max(0, cut - position)]
        tokens = max(0, min(token + length, max_length) - token)
        if kept:
            yield Piece(kept, segment.learn, False, tokens)
        if len(kept) < len(segment.text):
            yield Piece(segment.text[len(kept) :], False, True, length - tokens)
        position, token = position + len(segment.text), token + length


def _estimated(segments: Sequence[Segment], max_length: int) -> dict[str, Any]:
    """Without a tokenizer the cut is not known, so none is shown; `truncated` is a guess then."""
    tokens = sum(len(segment.text) for segment in segments) // CHARS_PER_TOKEN
    learnt = sum(len(segment.text) for segment in segments if segment.learn) // CHARS_PER_TOKEN
    return {
        "pieces": [Piece(segment.text, segment.learn, False, None) for segment in segments],
        "tokens": tokens,
        "learnt_tokens": learnt,
        "tokens_before_cut": tokens,
        "truncated": tokens > max_length,
        "token_ids": None,
        "learn_mask": None,
    }
