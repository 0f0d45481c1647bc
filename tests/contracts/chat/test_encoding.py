"""Ids and mask agree with transformers to the token, for tokenizers that split white space differently."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from contracts.chat import CHAT_TEMPLATE, SPECIAL_TOKEN, Conversation, Turn, encode, to_messages
from contracts.chat.encoding import learn_mask

SPECIAL = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
CORPUS = [
    "user\n\nWhat should I save each month?\n\n",
    "assistant\n\nAbout 300 dollars, the day after payday.",
    "system\n\nSpeak plainly. \n\n Be kind to people who are afraid of their bank.",
] * 20
LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
SPLITS = {
    "byte-level": pre_tokenizers.ByteLevel(add_prefix_space=False),
    "llama-3": pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA3_SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    ),
}


@pytest.fixture(scope="module", params=sorted(SPLITS))
def tokenizer(request) -> PreTrainedTokenizerFast:
    bare = Tokenizer(models.BPE())
    bare.pre_tokenizer = SPLITS[request.param]
    bare.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bare.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=500, special_tokens=SPECIAL, initial_alphabet=alphabet)
    )
    wrapped = PreTrainedTokenizerFast(tokenizer_object=bare, bos_token=SPECIAL[0], eos_token=SPECIAL[-1])
    wrapped.chat_template = CHAT_TEMPLATE
    return wrapped


def talk(texts: list[str], learn: list[bool], system: str | None) -> Conversation:
    turns = tuple(
        Turn(role="assistant" if n % 2 else "user", content=text, learn=bool(n % 2) and learn[n // 2 % len(learn)])
        for n, text in enumerate(texts[: len(texts) // 2 * 2])
    )
    return Conversation(key="k", system_prompt=system, turns=turns)


def by_transformers(tokenizer: PreTrainedTokenizerFast, conversation: Conversation) -> tuple[list[int], list[int]]:
    found = tokenizer.apply_chat_template(
        to_messages(conversation), return_dict=True, return_assistant_tokens_mask=True
    )
    return list(found["input_ids"]), list(found["assistant_masks"])


KNOWN = talk(["How much?", "300 dollars.", "\nReally? ", "Yes, \u00e9lan \U0001f642!\n\nDo."], [True], "Be kind.")


def test_ids_and_mask_equal_those_of_transformers(tokenizer):
    ours = encode(KNOWN, tokenizer.backend_tokenizer)
    assert (ours.input_ids, ours.learn_mask) == by_transformers(tokenizer, KNOWN)


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30).filter(
    lambda value: value.strip() and not SPECIAL_TOKEN.search(value)
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(text, min_size=2, max_size=6),
    st.lists(st.booleans(), min_size=1, max_size=3),
    st.none() | text,
)
def test_any_conversation_equals_transformers(tokenizer, texts, learn, system):
    conversation = talk(texts, learn, system)
    ours = encode(conversation, tokenizer.backend_tokenizer)
    assert (ours.input_ids, ours.learn_mask) == by_transformers(tokenizer, conversation)


def test_learnt_tokens_are_the_answers_and_their_end_of_turn(tokenizer):
    ours = encode(KNOWN, tokenizer.backend_tokenizer)
    learnt = [token for token, learn in zip(ours.input_ids, ours.learn_mask, strict=True) if learn]
    expected = "300 dollars.<|eot_id|>Yes, \u00e9lan \U0001f642!\n\nDo.<|eot_id|>"
    assert tokenizer.decode(learnt) == expected


def test_labels_ignore_what_is_not_learnt(tokenizer):
    ours = encode(KNOWN, tokenizer.backend_tokenizer)
    assert [label != -100 for label in ours.labels] == [bool(learn) for learn in ours.learn_mask]


def test_tokens_beyond_the_context_are_cut_off(tokenizer):
    whole = encode(KNOWN, tokenizer.backend_tokenizer)
    short = encode(KNOWN, tokenizer.backend_tokenizer, max_length=10)
    assert (short.input_ids, short.learn_mask) == (whole.input_ids[:10], whole.learn_mask[:10])
    assert short.truncated
    assert not whole.truncated


def test_the_mask_is_laid_over_the_offsets_in_one_pass():
    class Watched(list):
        passes = 0

        def __iter__(self):
            Watched.passes += 1
            return super().__iter__()

    offsets = Watched((n, n + 1) for n in range(1000))
    mask = learn_mask(offsets, iter([(start, start + 5) for start in range(0, 1000, 10)]))
    assert mask == ([1] * 5 + [0] * 5) * 100
    assert Watched.passes == 1


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=30),
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 6)), max_size=6),
)
def test_the_mask_runs_from_the_first_to_the_last_token_of_a_span(tokens, gaps):
    """Tokens share a character (its bytes), leave some out, or are empty; spans never touch."""
    offsets = [(0, 1)]
    for step, length in tokens:
        left = offsets[-1][1] + step
        offsets.append(offsets[-1] if length == 3 else (left, left + length))
    end, spans = 0, []
    for gap, length in gaps:
        spans.append((end + gap + 3, end + gap + 3 + length))
        end = spans[-1][1]
    expected = [0] * len(offsets)
    for start, past in spans:
        held = [i for i, (a, b) in enumerate(offsets) if b > start and a < past and b > a]
        for i in range(held[0], held[-1] + 1) if held else ():
            expected[i] = 1
    assert learn_mask(offsets, iter(spans)) == expected
