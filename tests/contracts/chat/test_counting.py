"""Counts word by word are the counts of tokenizing the whole text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from contracts.chat import Conversation, Turn, encode, estimated, rendered_text, token_counter
from contracts.chat.word_counts import SPLIT, WordCounts, splits_before_spaces

SPECIAL = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
CORPUS = ["What should I save?\n\nAbout 300 dollars, the day after payday. I'd say: don't wait...  "] * 20


def trained(pre_tokenizer) -> Tokenizer:
    made = Tokenizer(models.BPE(ignore_merges=True))
    made.pre_tokenizer = pre_tokenizer
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=400, special_tokens=SPECIAL, initial_alphabet=alphabet)
    )
    return made


def llama3() -> Tokenizer:
    split = pre_tokenizers.Split(Regex(SPLIT["pattern"]["Regex"]), behavior="isolated")
    return trained(pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]))


LLAMA3 = llama3()
GPT2 = trained(pre_tokenizers.ByteLevel(add_prefix_space=False))
COUNTS = WordCounts(LLAMA3)

PIECES = [
    " ", "  ", "\n", "\n\n", "\r\n", "\t", "\u00a0", "\u2003", "\u2028", "\x0b", "\x1c", "\x85", "'s", "'LL", "n't",
    "1", "2024", "1,000", "...", "!\n", "-", "caf\u00e9", "\u0301", "\u4f60\u597d", "\U0001f642", "I", "save", "a" * 70,
    "\u0661", "\u200b", "\u017f", "<|", "|>", *SPECIAL,
]  # fmt: skip
pieces = st.sampled_from(PIECES)
texts = st.lists(pieces | st.text(st.characters(exclude_categories=["Cs"]), max_size=4), max_size=40).map("".join)


@settings(max_examples=150, deadline=None)
@given(texts)
def test_any_text_has_as_many_tokens_as_tokenizing_it_gives(text):
    assert COUNTS.of(text) == len(LLAMA3.encode(text, add_special_tokens=False).ids)


def test_whatever_character_stands_before_a_space():
    for code in [*range(1, 0x3100), 0xFEFF, 0x1F642, 0xE0020]:
        text = f"save a{chr(code)} b {chr(code)} {chr(code)}c " + "and save " * 8
        assert COUNTS.of(text) == len(LLAMA3.encode(text, add_special_tokens=False).ids), hex(code)


messages = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip) | texts.filter(
    lambda text: text.strip() and "<|" not in text
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(messages, messages, st.booleans()), min_size=1, max_size=4), st.none() | messages)
def test_a_conversation_has_the_counts_that_training_will_have(talk, system):
    turns = [
        turn
        for asked, said, learn in talk
        for turn in (Turn(role="user", content=asked), Turn(role="assistant", content=said, learn=learn))
    ]
    conversation = Conversation(key="k", system_prompt=system, turns=tuple(turns))
    for tokenizer in (LLAMA3, GPT2):
        encoded = encode(conversation, tokenizer)
        assert token_counter(tokenizer)(conversation) == (len(encoded.input_ids), sum(encoded.learn_mask))


class Watched:
    """A tokenizer that notes what it is asked."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def encode(self, sequence, *, add_special_tokens=True):
        self.seen.append(sequence)
        return LLAMA3.encode(sequence, add_special_tokens=add_special_tokens)


def test_a_word_is_tokenized_once():
    watched = Watched()
    counts = WordCounts(watched)
    text = "We save the same amount every month, and we save it on the same day of every month."
    counts.of(text)
    assert sorted(watched.seen) == sorted({"We", *(f" {word}" for word in text.split(" ")[1:])})
    watched.seen.clear()
    counts.of(f"{text} And again: {text}")
    assert watched.seen == [" And", " again:", " We"]


def test_only_tokenizers_of_this_kind_are_counted_word_by_word():
    assert splits_before_spaces(LLAMA3)
    assert not splits_before_spaces(GPT2)
    assert not splits_before_spaces(Watched())


@pytest.mark.parametrize(
    "change",
    [
        lambda made: made.enable_truncation(8),
        lambda made: made.enable_padding(length=4),
        lambda made: made.add_tokens(["New York"]),
        lambda made: made.add_special_tokens([AddedToken("<|eom_id|>", lstrip=True)]),
        lambda made: setattr(made, "normalizer", normalizers.NFC()),
        lambda made: setattr(made.model, "dropout", 0.1),
    ],
)
def test_what_would_make_the_sum_wrong_rules_it_out(change):
    made = llama3()
    change(made)
    assert not splits_before_spaces(made)


def test_without_a_tokenizer_a_token_is_four_characters():
    conversation = Conversation(
        key="k", turns=(Turn(role="user", content="Hi"), Turn(role="assistant", content="Well.", learn=True))
    )
    assert estimated(conversation) == (-(-len(rendered_text(conversation)) // 4), 4)  # "Well.<|eot_id|>": 15 characters
