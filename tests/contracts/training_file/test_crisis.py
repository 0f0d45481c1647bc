"""The quick search finds exactly what the plain one finds."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contracts.training_file import crisis
from contracts.training_file.crisis import CRISIS, STEMS, speaks_of_crisis

SAMPLES = Path(__file__).parents[3] / "examples"
EQ12 = Path(__file__).parents[4] / "shared" / "data" / "eq-12"
WORDS = """suicide suicidal self-harm self harm selfharm kill killing myself himself themselves herself end ending my
own life it all hurt harm cut cutting harming hurting better off without me dead want wanted wanting to die call text
dial calling texting or 988 lifeline crisis line life no any reason live go on don't dont be alive anymore more skill
skills weekend end-my-life 9880 1988""".split()  # noqa: SIM905
ODD = [" ", "  ", "-", "\n", ".", "\u2019", "_", "x" * 60, "\u017fuicid", "\u212aill", "k\u0131ll", "L\u0130FE"]
pieces = st.sampled_from([*WORDS, *map(str.upper, WORDS), *ODD]) | st.text(max_size=3)
FILES = [*sorted(SAMPLES.glob("*.*")), *sorted(EQ12.glob("*.json*"))]
texts = st.lists(pieces, max_size=40).map(" ".join) | st.lists(pieces, max_size=40).map("".join)


@settings(max_examples=300, deadline=None)
@given(texts)
@example("call" + "x" * 200 + " 988")
@example("a " * 100 + "text" + "x" * 50 + " or text 988")
@example("myself " * 100 + "hurt myself")
@example("harm" * 50 + "9" * 300 + " 988 lifeline")
def test_the_same_hits_as_the_plain_search(text):
    assert speaks_of_crisis(text) == (CRISIS.search(text) is not None)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_same_hits_in_real_text(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    texts = [line[start : start + 1500] for line in lines for start in range(0, len(line), 1500)]
    assert [speaks_of_crisis(text) for text in texts] == [CRISIS.search(text) is not None for text in texts]


def test_every_letter_that_the_plain_search_takes_for_an_ascii_one_is_lowered_to_it():
    letters = {letter for stem in STEMS for letter in stem}
    for letter in letters:
        like = re.compile(re.escape(letter), re.IGNORECASE)
        for code in range(0x20000):
            if like.fullmatch(chr(code)):
                assert crisis.lower(f"{chr(code)}\u2019")[0] == letter, hex(code)


def test_lowering_keeps_every_position():
    assert all(len(crisis.lower(chr(code))) == 1 for code in range(0x110000) if not 0xD800 <= code < 0xE000)


@pytest.mark.parametrize("text", ["myself kill harm 988 better off to die " * 2000, "myself" * 20_000, "988" * 20_000])
def test_no_text_is_searched_through_more_than_three_times(monkeypatch, text):
    class Counting:
        characters = 0

        def search(self, text, start=0, end=None):
            Counting.characters += min(len(text), len(text) if end is None else end) - start
            return CRISIS.search(text, start, len(text) if end is None else end)

    monkeypatch.setattr(crisis, "CRISIS", Counting())
    assert not speaks_of_crisis(text)
    assert Counting.characters <= 3 * len(text)
