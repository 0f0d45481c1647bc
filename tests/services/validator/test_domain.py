import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import ConversationLikelihood
from services.validator.domain.verdict import judge


def conversation(tokens: int, base: float, trained: float, key: str = "c") -> ConversationLikelihood:
    """Likelihoods given per token, in nats."""
    return ConversationLikelihood(
        conversation_key=key, tokens=tokens, base_nll=base * tokens, trained_nll=trained * tokens
    )


def test_perplexity_weighs_tokens_not_conversations() -> None:
    verdict = judge([conversation(300, 3.0, 2.0), conversation(100, 1.0, 1.0)])
    assert verdict.perplexity_baseline == pytest.approx(math.exp(2.5))
    assert verdict.perplexity_trained == pytest.approx(math.exp(1.75))
    assert verdict.improvement_pct == pytest.approx(100 * (1 - math.exp(-0.75)))
    assert verdict.tokens == 400


def test_a_gain_in_every_conversation_is_proven() -> None:
    verdict = judge([conversation(100 + n, 3.0, 2.5 + 0.01 * n) for n in range(12)])
    assert verdict.verdict == "proven"
    assert 0 < verdict.low_pct <= verdict.improvement_pct <= verdict.high_pct


def test_a_mixed_result_is_not_proven_and_a_loss_is_worse() -> None:
    assert judge([conversation(100, 3.0, 3.0 + (-1) ** n * 0.3) for n in range(10)]).verdict == "not_proven"
    assert judge([conversation(100, 3.0, 3.4 + 0.01 * n) for n in range(10)]).verdict == "worse"


def test_one_conversation_never_proves_anything() -> None:
    assert judge([conversation(100, 3.0, 1.0)]).verdict == "not_proven"


def test_an_empty_holdout_is_refused() -> None:
    with pytest.raises(ValueError, match="without conversations"):
        judge([])


def test_the_same_evaluation_has_the_same_interval() -> None:
    items = [conversation(50 + n, 3.0 + 0.1 * n, 2.9) for n in range(8)]
    assert judge(items) == judge(items)


def test_huge_losses_do_not_overflow_the_improvement() -> None:
    assert judge([conversation(10, 700.0, 699.0), conversation(10, 700.0, 699.0)]).improvement_pct == pytest.approx(
        63.2, abs=0.1
    )


@given(st.lists(st.tuples(st.integers(1, 500), st.floats(0.1, 8), st.floats(0.1, 8)), min_size=2, max_size=20))
def test_the_interval_is_ordered_and_equal_models_show_no_gain(rows) -> None:
    verdict = judge([conversation(tokens, base, trained) for tokens, base, trained in rows])
    assert verdict.low_pct <= verdict.high_pct
    same = judge([conversation(tokens, base, base) for tokens, base, _ in rows])
    assert same.improvement_pct == pytest.approx(0.0, abs=1e-9)
    assert same.verdict == "not_proven"


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(7)
    true_gain, hits, rounds = 0.2, 0, 60
    for _ in range(rounds):
        gains = generator.normal(true_gain, 0.15, size=30)
        verdict = judge([conversation(200, 3.0, 3.0 - gain) for gain in gains])
        hits += verdict.low_pct <= 100 * -math.expm1(-true_gain) <= verdict.high_pct
    assert hits / rounds > 0.85
