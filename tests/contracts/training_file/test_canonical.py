"""The stored form comes back as it went in, and is the same bytes every time."""

import json
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.training_file import (
    Conversation,
    Turn,
    canonical_line,
    canonical_lines,
    content_sha256,
    read_canonical,
)

text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@st.composite
def conversations(draw):
    texts = draw(st.lists(st.tuples(text, text, st.booleans()), min_size=1, max_size=4))
    turns = [
        turn
        for asked, said, learn in texts
        for turn in (Turn(role="user", content=asked), Turn(role="assistant", content=said, learn=learn))
    ]
    metadata = draw(st.dictionaries(text, text, max_size=3))
    number = draw(st.none() | st.integers(1, 100_000))
    return Conversation(
        key=draw(text), number=number, system_prompt=draw(st.none() | text), turns=tuple(turns), metadata=metadata
    )


@given(st.lists(conversations(), max_size=4))
def test_round_trip(found):
    stored = b"".join(canonical_lines(found))
    assert list(read_canonical(BytesIO(stored))) == found
    assert stored.count(b"\n") == len(found)


@given(conversations())
def test_same_content_same_hash_whatever_the_order_of_its_metadata(found):
    turned = found.model_copy(update={"metadata": dict(reversed(found.metadata.items()))})
    assert content_sha256([found]) == content_sha256([turned])


@given(conversations())
def test_the_bytes_are_those_of_sorted_json_without_spaces(found):
    unknown = {"number"} if found.number is None else set()
    data = found.model_dump(mode="json", exclude=unknown)
    plain = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert canonical_line(found) == plain.encode() + b"\n"


TURNS = (Turn(role="user", content="Hi \u00e9"), Turn(role="assistant", content="Yes", learn=True))
STORED_TURNS = (
    '"turns":[{"content":"Hi \u00e9","learn":false,"role":"user"},{"content":"Yes","learn":true,"role":"assistant"}]'
)


def test_known_line():
    numbered = '{"key":"k","metadata":{},"number":7,"system_prompt":null,' + STORED_TURNS + "}\n"
    assert b"".join(canonical_lines([Conversation(key="k", number=7, turns=TURNS)])) == numbered.encode()


def test_a_line_that_was_stored_without_a_number_is_read_and_written_as_it_was():
    stored = ('{"key":"k","metadata":{},"system_prompt":null,' + STORED_TURNS + "}\n").encode()
    (found,) = read_canonical([stored])
    assert found.number is None
    assert b"".join(canonical_lines([found])) == stored


def test_fields_of_a_newer_writer_are_passed_over():
    newer = ('{"key":"k","number":1,"reviewed_by":"Pat",' + STORED_TURNS + "}\n").encode()
    assert list(read_canonical([newer])) == [Conversation(key="k", number=1, turns=TURNS)]


def test_other_content_is_refused():
    with pytest.raises(ValidationError):
        list(read_canonical([b'{"key": "k"}']))
