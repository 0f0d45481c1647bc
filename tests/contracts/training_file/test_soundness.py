"""The quick check refuses exactly what the one that names the place refuses."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contracts.training_file import TrainingFileRefused
from contracts.training_file.soundness import MAX_DEPTH, decode_pairs, is_sound, refuse_unsound

leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
    | st.sampled_from(["a\0b", "\ud83d", "\udc00x", "\U0001f642", "\u2019"])
)  # fmt: skip
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner, max_size=4)
)
TWICE = json.loads('{"a": [{"b": 1, "b": 2}]}', object_pairs_hook=decode_pairs)


def nested(levels: int, innermost=None):
    value = innermost
    for _ in range(levels):
        value = [value]
    return value


def refused(value) -> bool:
    try:
        refuse_unsound(value, "x")
    except TrainingFileRefused:
        return True
    return False


@settings(max_examples=300)
@given(values)
@example(TWICE)
@example(nested(MAX_DEPTH))
@example(nested(MAX_DEPTH + 1))
@example({"\ud800": 1})
@example({"a\0": [1]})
@example({"": float("inf")})
def test_both_agree(value):
    assert is_sound(value, with_texts=True) != refused(value)


@given(values)
def test_texts_need_not_be_looked_at_where_the_json_has_no_escapes(value):
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return  # the file is not UTF-8, and refused before it is decoded
    if "\\u" not in text:
        found = json.loads(text, object_pairs_hook=decode_pairs)
        assert is_sound(found, with_texts=False) == is_sound(found, with_texts=True)


@pytest.mark.parametrize("levels", [MAX_DEPTH, MAX_DEPTH + 1])
def test_64_levels_are_the_limit(levels):
    assert is_sound(nested(levels), with_texts=False) == (levels == MAX_DEPTH)
