"""The corpus is general chat, well formed, modest in size, and shares nothing with the samples."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trainer_image.base_model.compose import compose_corpus, load_topics
from trainer_image.base_model.corpus import (
    CORPUS,
    authored_conversations,
    authored_prose,
    parse_conversations,
    split_held_out,
)

EXAMPLES = Path(__file__).parents[3] / "examples"
COMPOSED = compose_corpus(200, seed=1)
ANSWER_KEYS = {"target_response", "completion"}


def word_ngrams(text: str, length: int = 8) -> set[tuple[str, ...]]:
    words = re.findall(r"[a-z0-9']+", text.lower())
    return set(zip(*(words[start:] for start in range(length)), strict=False))


def answers(value: Any) -> Iterator[str]:
    """Every assistant text in any of the accepted formats."""
    if isinstance(value, list):
        for item in value:
            yield from answers(item)
    elif isinstance(value, dict):
        if value.get("role", value.get("from")) in {"assistant", "gpt"}:
            yield str(value.get("content", value.get("value")))
        for key, item in value.items():
            if key in ANSWER_KEYS and isinstance(item, str):
                yield item
            else:
                yield from answers(item)


def sample_answers() -> set[str]:
    files = sorted(EXAMPLES.rglob("*.json")) + sorted(EXAMPLES.rglob("*.jsonl"))
    found: set[str] = set()
    for file in files:
        text = file.read_text(errors="replace")
        for document in [text] if file.suffix == ".json" else text.splitlines():
            try:
                found.update(answers(json.loads(document)))
            except ValueError:
                continue  # one of the deliberately broken samples
    return found


def test_no_eight_words_in_a_row_are_shared_with_the_samples() -> None:
    samples = sample_answers()
    assert samples, f"no assistant answers found in {EXAMPLES}"
    ours = [message["content"] for chat in [*authored_conversations(), *COMPOSED] for message in chat]
    known = set().union(*map(word_ngrams, [*ours, *authored_prose()]))
    shared = {" ".join(gram) for text in samples for gram in word_ngrams(text) & known}
    assert not shared


def test_the_comparison_would_notice_a_copied_answer() -> None:
    copied = authored_conversations()[0][-1]["content"]
    assert list(answers({"messages": [{"role": "assistant", "content": copied}]})) == [copied]
    assert word_ngrams(copied) & word_ngrams("As they say: " + copied)


@pytest.mark.parametrize("chat", [*authored_conversations(), *COMPOSED[:40]], ids=lambda chat: chat[-1]["content"][:30])
def test_chats_alternate_and_end_with_the_assistant(chat: list) -> None:
    roles = [message["role"] for message in chat]
    turns = roles[1:] if roles[0] == "system" else roles
    assert turns == ["user", "assistant"] * (len(turns) // 2)
    assert all(message["content"] for message in chat)


def test_composed_chats_have_no_unfilled_slots_and_differ() -> None:
    texts = ["\n".join(message["content"] for message in chat) for chat in COMPOSED]
    assert not [text for text in texts if "{" in text or "}" in text]
    assert len(set(texts)) == len(texts)


def test_composing_is_seeded() -> None:
    assert compose_corpus(20, seed=1) == COMPOSED[:20]
    assert compose_corpus(20, seed=2) != COMPOSED[:20]


def test_every_slot_named_in_a_phrase_exists() -> None:
    shared, topics = load_topics()
    for topic in topics:
        known = set(topic.slots) | set(shared.slots)
        phrases = [phrase for options in topic.phrases.values() for phrase in options]
        named = set(re.findall(r"\{(\w+)\}", " ".join(phrases)))
        assert named <= known, f"{topic.name}: {named - known}"


def test_held_out_chats_are_never_trained_on() -> None:
    training, held_out = split_held_out(authored_conversations())
    assert len(held_out) >= 5
    assert not [chat for chat in held_out if chat in training]


def test_a_malformed_line_is_named() -> None:
    with pytest.raises(ValueError, match=r"cooking\.txt, line 2"):
        parse_conversations("user: Hi\nassistent: Hello", "cooking.txt")


def test_the_shipped_text_stays_small() -> None:
    assert sum(file.stat().st_size for file in CORPUS.rglob("*") if file.is_file()) < 600_000
