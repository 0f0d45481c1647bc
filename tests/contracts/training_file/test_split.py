"""The hold-out: whole conversations, in proportion, and always the same."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.training_file import Conversation, Turn, hold_out

TURNS = (Turn(role="user", content="Hi?"), Turn(role="assistant", content="Hello.", learn=True))


def talk(key: str, **metadata: str) -> Conversation:
    return Conversation(key=key, turns=TURNS, metadata=metadata)


def test_a_fifth_of_each_arc_is_held_out():
    found = [talk(f"{arc}{n}", emotional_arc=arc) for arc in ("grief", "shame") for n in range(20)]
    split = hold_out(found, seed=1)
    assert Counter(c.metadata["emotional_arc"] for c in split.held_out) == {"grief": 4, "shame": 4}


def test_the_order_of_the_file_does_not_matter():
    found = [talk(str(n)) for n in range(30)]
    assert {c.key for c in hold_out(found, seed=7).held_out} == {c.key for c in hold_out(found[::-1], seed=7).held_out}


def test_another_seed_chooses_others():
    found = [talk(str(n)) for n in range(30)]
    assert hold_out(found, seed=1) != hold_out(found, seed=2)


def test_samples_of_one_conversation_stay_together():
    found = [talk(f"{n}/pair-{p}", source_conversation=str(n)) for n in range(6) for p in range(4)]
    split = hold_out(found)
    assert not {c.group for c in split.train} & {c.group for c in split.held_out}


@given(
    st.lists(st.sampled_from(["a", "b", "c", ""]), min_size=2, max_size=60),
    st.floats(0.01, 0.99),
    st.integers(0, 1000),
)
def test_both_sides_have_some_and_all_are_kept(arcs, fraction, seed):
    found = tuple(talk(str(n), emotional_arc=arc) for n, arc in enumerate(arcs))
    split = hold_out(found, fraction, seed)
    assert split.train
    assert split.held_out
    assert sorted(c.key for c in split.train + split.held_out) == sorted(c.key for c in found)
    assert len(split.held_out) == min(max(1, round(len(found) * fraction)), len(found) - 1)


def test_a_single_conversation_is_trained():
    assert hold_out([talk("only")]) == ((talk("only"),), ())


@pytest.mark.parametrize("fraction", [0.0, 1.0, -1.0])
def test_senseless_fractions_are_refused(fraction):
    with pytest.raises(ValueError, match="between 0 and 1"):
        hold_out([talk("a"), talk("b")], fraction)
