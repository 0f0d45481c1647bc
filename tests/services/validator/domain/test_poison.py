"""What no model can have measured is refused with words; what is merely extreme gets a correct answer."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.events import ConversationLikelihood
from services.validator.domain.clusters import UnusableEvaluation, worst_first
from services.validator.domain.verdict import Verdict, judge
from tests.services.validator.likelihoods import sample, samples


def unchecked(**values: object) -> ConversationLikelihood:
    """As a careless speaker might build it, past the contract's own checks."""
    known = {"conversation_key": "c-7", "tokens": 10, "base_nll": 20.0, "trained_nll": 10.0, "group": None}
    return ConversationLikelihood.model_construct(**(known | {"source_conversation": None} | values))


@pytest.mark.parametrize("name", ["base_nll", "trained_nll"])
@pytest.mark.parametrize("nats", [math.nan, math.inf, -math.inf, 1e308, -7_001.0])
def test_a_likelihood_that_is_none_is_named(name: str, nats: float) -> None:
    with pytest.raises(UnusableEvaluation, match=rf"'c-7': {name} is .* for 10 tokens"):
        judge([*samples([0.1] * 12), unchecked(**{name: nats})])


@pytest.mark.parametrize("tokens", [0, -3, 2**53 + 1, 10**400])
def test_impossible_numbers_of_tokens_are_refused(tokens: int) -> None:
    with pytest.raises(UnusableEvaluation, match="'c-7' has"):
        judge([*samples([0.1] * 12), unchecked(tokens=tokens)])


def test_too_many_tokens_together_are_refused() -> None:
    with pytest.raises(UnusableEvaluation, match="more than"):
        judge([unchecked(tokens=2**53, conversation_key=str(n)) for n in range(12)])


def test_an_empty_holdout_is_refused() -> None:
    with pytest.raises(UnusableEvaluation, match="no conversations"):
        judge([])


def test_a_long_key_does_not_fill_the_error() -> None:
    with pytest.raises(UnusableEvaluation) as caught:
        judge([unchecked(conversation_key="k" * 100_000, tokens=0)])
    assert len(str(caught.value)) < 200


def test_huge_losses_do_not_overflow() -> None:
    assert judge([sample(10, 700.0, 699.0, "a"), sample(10, 700.0, 699.0, "b")]).improvement_pct == pytest.approx(
        63.2, abs=0.1
    )
    assert_finite(judge([sample(10, 0.0 if n % 2 else 700.0, 700.0 if n % 2 else 0.0, str(n)) for n in range(10)]))
    assert_finite(judge([sample(10, 0.0, 700.0, str(n)) for n in range(10)]))


@pytest.mark.parametrize("longest", [10**6, 10**9, 2**52])
def test_one_conversation_that_holds_nearly_everything_proves_little(longest: int) -> None:
    verdict = judge([sample(longest, 3.0, 2.0, "long"), *samples([0.1 * n for n in range(12)], tokens=1)])
    assert_finite(verdict)
    assert verdict.verdict in ("proven", "not_proven")


likelihoods = st.tuples(
    st.integers(1, 2**49), st.floats(-699, 699, allow_nan=False), st.floats(-699, 699, allow_nan=False)
)


@settings(deadline=None)
@given(st.lists(likelihoods, min_size=1, max_size=15))
def test_whatever_is_accepted_has_finite_figures(rows) -> None:
    found = [sample(tokens, base, trained, str(n)) for n, (tokens, base, trained) in enumerate(rows)]
    assert_finite(judge(found))


def test_the_largest_holdout_that_a_file_allows() -> None:
    """Half of 100,000 records. 10,000 resamples of them would take 4 GB for one array of indices."""
    verdict = judge(samples([0.1 + 0.001 * (n % 7) for n in range(50_000)]))
    assert (verdict.verdict, verdict.conversations, verdict.tokens) == ("proven", 50_000, 5_000_000)


def test_what_lost_most_per_token_comes_first() -> None:
    found = worst_first([sample(1_000, 3.0, 3.1, "long"), sample(10, 3.0, 3.5, "short"), sample(10, 3.0, 2.0, "good")])
    assert [item.conversation_key for item in found] == ["short", "long", "good"]


def assert_finite(verdict: Verdict) -> None:
    figures = (verdict.perplexity_baseline, verdict.perplexity_trained, verdict.improvement_pct,
               verdict.low_pct or 0.0, verdict.high_pct or 0.0)
    assert all(math.isfinite(figure) for figure in figures), verdict
