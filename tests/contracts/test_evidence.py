"""How many held-out conversations prove something, and what is said about it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.evidence import (
    MINIMUM_FOR_VERDICT,
    fraction_that_holds_out,
    has_interval,
    held_out_count,
    in_words,
    missing_for_verdict,
)


def test_interval_from_five_verdict_from_ten() -> None:
    assert [has_interval(n) for n in (0, 4, 5, 10)] == [False, False, True, True]
    assert [missing_for_verdict(n) for n in (0, 2, 9, 10, 48)] == [10, 8, 1, 0, 0]


@pytest.mark.parametrize(("conversations", "held_out"), [(0, 0), (1, 0), (2, 1), (12, 2), (50, 10), (242, 48)])
def test_a_fifth_is_held_out(conversations: int, held_out: int) -> None:
    assert held_out_count(conversations) == held_out


@given(st.integers(2, 500))
def test_a_suggested_share_is_the_smallest_that_does_it(conversations: int) -> None:
    share = fraction_that_holds_out(MINIMUM_FOR_VERDICT, conversations)
    if share is None:
        assert held_out_count(conversations, 0.33) < MINIMUM_FOR_VERDICT
    else:
        assert held_out_count(conversations, share) >= MINIMUM_FOR_VERDICT > held_out_count(conversations, share - 0.01)


def test_a_verdict_in_words() -> None:
    assert in_words("too_few", 8) == "too few to prove; 8 more held-out conversations are needed"
    assert in_words("too_few", 1) == "too few to prove; 1 more held-out conversation is needed"
    assert in_words("proven").startswith("proven for conversations of the kind held out")
    assert in_words("something newer") == "something newer"
