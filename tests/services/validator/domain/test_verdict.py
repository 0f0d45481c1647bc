import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.validator.domain.verdict import METHOD, judge
from tests.services.validator.likelihoods import sample, samples

GAINS = [0.10, 0.31, 0.22, 0.25, 0.05, 0.40, 0.18, 0.27, 0.33, 0.12]


def test_perplexity_weighs_tokens_not_conversations() -> None:
    verdict = judge([sample(300, 3.0, 2.0, "a"), sample(100, 1.0, 1.0, "b")])
    assert verdict.perplexity_baseline == pytest.approx(math.exp(2.5))
    assert verdict.perplexity_trained == pytest.approx(math.exp(1.75))
    assert verdict.improvement_pct == pytest.approx(100 * (1 - math.exp(-0.75)))
    assert verdict.tokens == 400


def test_ten_gains_are_proven_with_an_interval() -> None:
    verdict = judge(samples(GAINS))
    assert (verdict.verdict, verdict.conversations, verdict.missing, verdict.method) == ("proven", 10, 0, METHOD)
    assert 0 < verdict.low_pct < verdict.improvement_pct < verdict.high_pct


@pytest.mark.parametrize("n", range(5, 10))
def test_five_to_nine_conversations_have_an_interval_but_no_verdict(n: int) -> None:
    verdict = judge(samples(GAINS[:n]))
    assert (verdict.verdict, verdict.missing) == ("too_few", 10 - n)
    assert verdict.low_pct < verdict.improvement_pct < verdict.high_pct


@pytest.mark.parametrize("n", range(1, 5))
def test_fewer_than_five_have_perplexities_and_nothing_else(n: int) -> None:
    verdict = judge(samples(GAINS[:n]))
    assert (verdict.verdict, verdict.missing) == ("too_few", 10 - n)
    assert (verdict.low_pct, verdict.high_pct) == (None, None)
    assert verdict.improvement_pct > 0


def test_a_mixed_result_is_not_proven_and_a_loss_is_worse() -> None:
    assert judge(samples([0.3, -0.3] * 5)).verdict == "not_proven"
    assert judge(samples([-gain for gain in GAINS])).verdict == "worse"


def test_what_got_worse_is_counted() -> None:
    assert judge(samples([*GAINS, -0.1, -0.2, 0.0])).worse == 2


def test_samples_of_one_source_are_one_conversation() -> None:
    pairs = [sample(50, 3.0, 2.8, f"c-{n}/pair-{p}", source=f"c-{n}") for n in range(4) for p in range(10)]
    verdict = judge(pairs)
    assert (verdict.conversations, verdict.verdict, verdict.tokens) == (4, "too_few", 2_000)


def test_a_conversation_that_comes_twice_counts_once() -> None:
    once = samples(GAINS[:6])
    assert judge([*once, *once]).conversations == 6
    assert judge([*once, *once]).low_pct == pytest.approx(judge(once).low_pct)


def test_the_same_evaluation_has_the_same_interval() -> None:
    assert judge(samples(GAINS)) == judge(samples(GAINS))


def test_the_order_of_the_conversations_does_not_matter() -> None:
    shuffled = samples(GAINS)
    random.Random(5).shuffle(shuffled)
    assert judge(shuffled).low_pct == pytest.approx(judge(samples(GAINS)).low_pct, rel=1e-12)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5_000), st.floats(0.1, 8), st.floats(0.1, 8)), min_size=5, max_size=30))
def test_the_interval_holds_the_improvement_and_equal_models_show_no_gain(rows) -> None:
    verdict = judge([sample(*row, key=str(n)) for n, row in enumerate(rows)])
    assert verdict.low_pct <= verdict.improvement_pct <= verdict.high_pct
    same = judge([sample(tokens, base, base, key=str(n)) for n, (tokens, base, _) in enumerate(rows)])
    assert (same.improvement_pct, same.low_pct, same.high_pct) == (0.0, 0.0, 0.0)
    assert same.verdict == ("not_proven" if len(rows) >= 10 else "too_few")
