"""A pod's share of requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.provisioner.domain.errors import RateLimited
from services.provisioner.domain.request_rates import Rate, RequestRates

RATES = {"ask": Rate(burst=5, per_s=2.0)}


def granted(rates: RequestRates, asks: int, now_s: float, key: str = "job", cost: int = 1) -> int:
    given = 0
    for _ in range(asks):
        try:
            rates.spend("ask", key, cost, now_s)
            given += 1
        except RateLimited:
            pass
    return given


def test_a_burst_then_so_many_a_second() -> None:
    rates = RequestRates(RATES)
    assert granted(rates, 10, 0.0) == 5
    assert granted(rates, 10, 1.0) == 2
    assert granted(rates, 10, 100.0) == 5


def test_who_is_refused_learns_when_to_come_again() -> None:
    rates = RequestRates(RATES)
    granted(rates, 5, 0.0)
    with pytest.raises(RateLimited) as refused:
        rates.spend("ask", "job", 3, 0.0)
    assert refused.value.retry_after_s == pytest.approx(1.5)
    rates.spend("ask", "job", 3, 1.5)


def test_one_does_not_spend_anothers_share() -> None:
    rates = RequestRates(RATES)
    assert granted(rates, 10, 0.0, "one") == 5
    assert granted(rates, 10, 0.0, "other") == 5


def test_more_than_a_burst_at_once_is_refused_for_good() -> None:
    with pytest.raises(RateLimited):
        RequestRates(RATES).spend("ask", "job", 6, 1e9)


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 5)), max_size=60))
def test_never_more_than_burst_and_rate_allow(asks: list[tuple[float, int]]) -> None:
    rates, now, spent = RequestRates(RATES), 0.0, 0
    for pause, cost in asks:
        now += pause
        spent += cost * granted(rates, 1, now, cost=cost)
    assert spent <= 5 + 2.0 * now + 1e-6


def test_memory_does_not_grow_with_the_jobs() -> None:
    rates = RequestRates(RATES, most_keys=100)
    for job in range(10_000):
        granted(rates, 1, job * 0.01, str(job))
    assert len(rates) <= 100
