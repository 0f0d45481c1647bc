"""Which job is recommended, and when none is."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.job_status import JobStatus
from services.job_api.comparisons.domain.compared import ComparedJob, Losses, Verdict, differences
from services.job_api.comparisons.domain.figures import rows
from services.job_api.comparisons.domain.recommendation import Basis, recommend

FILE = UUID(int=1)
TOLD = {"base_model": "m", "seed": 42, "validation_fraction": 0.2, "max_seq_length": 4096, "learning_rate": 1e-4}


def job(name: str, verdict: str | None = "proven", low: float = 4.0, high: float = 6.0, **more: Any) -> ComparedJob:
    found = Verdict(verdict, (low + high) / 2, low, high, 20.0, 19.0, 4 if verdict == "too_few" else 0)
    told = TOLD | more.pop("told", {})
    values = {"status": JobStatus.COMPLETED, "training_file_id": FILE, "cost_micro_usd": 1_000_000} | more
    return ComparedJob(uuid4(), name, configuration=told, verdict=found if verdict else None, **values)


def test_the_higher_interval_is_recommended() -> None:
    better, worse = job("better", low=8.0, high=12.0), job("worse", low=2.0, high=6.0)
    found = recommend([worse, better])
    assert (found.job_id, found.basis) == (better.id, Basis.IMPROVEMENT)
    assert "between 8.0 and 12.0 %" in found.reason
    assert found.would_change == ()


def test_what_cannot_be_told_apart_is_decided_by_a_clear_difference_of_cost() -> None:
    dear, cheap = job("dear", low=5.0, high=9.0, cost_micro_usd=3_000_000), job("cheap", low=4.0, high=8.0)
    found = recommend([dear, cheap])
    assert (found.job_id, found.basis) == (cheap.id, Basis.COST)
    assert "overlap" in found.reason
    assert "More held-out conversations" in found.would_change[0]


@pytest.mark.parametrize("cost", [1_000_000, 1_050_000, None])
def test_neither_quality_nor_cost_tells_them_apart(cost: int | None) -> None:
    found = recommend([job("a", cost_micro_usd=cost), job("b", low=4.5, high=6.5)])
    assert (found.job_id, found.basis) == (None, Basis.NONE)


def test_a_cheap_job_far_behind_is_not_recommended_for_its_price() -> None:
    far = job("far", low=1.0, high=2.0, cost_micro_usd=1)
    found = recommend([far, job("first", low=8.0, high=10.0), job("second", low=7.0, high=9.0)])
    assert found.job_id is None
    assert "far" not in found.reason


@pytest.mark.parametrize("other", [
    {"training_file_id": UUID(int=2)}, {"told": {"base_model": "n"}}, {"told": {"seed": 7}},
    {"told": {"validation_fraction": 0.3}}])
def test_other_held_out_conversations_are_never_compared(other: dict[str, Any]) -> None:
    found = recommend([job("a", low=1.0, high=2.0), job("b", low=8.0, high=9.0, **other)])
    assert found.job_id is None
    assert "other held-out conversations" in found.reason


def test_the_only_proven_one_whatever_the_losses_say() -> None:
    proven = job("proven", final_training_loss=2.0)
    small = job("small", "not_proven", low=-1.0, high=3.0, final_training_loss=0.1)
    found = recommend([small, proven])
    assert (found.job_id, found.basis) == (proven.id, Basis.ONLY_PROVEN)
    assert "does not prove that the others are worse" in found.reason
    assert "holds zero" in found.would_change[0]


@pytest.mark.parametrize(("open_one", "words"), [
    (job("x", "too_few"), "4 more held-out conversations"), (job("x", None), "has none yet"),
    (job("x", None, status=JobStatus.TRAINING), "has not ended"),
    (job("x", None, status=JobStatus.FAILED), "ended as failed"), (job("x", "not_proven"), "holds zero")])
def test_without_proof_nothing_is_recommended_and_it_says_what_is_missing(open_one: ComparedJob, words: str) -> None:
    found = recommend([open_one, job("w", "worse", low=-9.0, high=-3.0)])
    assert (found.job_id, found.basis) == (None, Basis.NONE)
    assert [words in text for text in found.would_change] == [True]


def test_best_of_each_row_only_where_the_values_can_be_compared() -> None:
    a = job("a", final_training_loss=1.0, losses=Losses(tokens_per_second=10.0))
    b = job("b", final_training_loss=2.0, losses=Losses(tokens_per_second=20.0))
    found = {row.figure.name: row for row in rows([a, b])}
    assert found["final_training_loss"].best == (a.id,)
    assert found["tokens_per_second"].best == (b.id,)
    assert found["cost_micro_usd"].best == (), "equal"
    other = job("c", final_training_loss=0.1, training_file_id=UUID(int=2))
    apart = {row.figure.name: row for row in rows([a, other])}
    assert (apart["final_training_loss"].best, apart["final_training_loss"].comparable) == ((), False)
    assert apart["cost_micro_usd"].comparable


def test_a_failed_job_is_not_the_cheapest() -> None:
    done, failed = job("done"), job("failed", None, status=JobStatus.FAILED, cost_micro_usd=1)
    third = job("third", cost_micro_usd=2_000_000)
    cost = next(row for row in rows([done, failed, third]) if row.figure.name == "cost_micro_usd")
    assert cost.best == (done.id,)


def test_only_what_differs() -> None:
    found = differences([job("a"), job("b", told={"learning_rate": 2e-4}), job("c", told={"lora_rank": 8})])
    assert [(one.name, one.values) for one in found] == [
        ("learning_rate", (1e-4, 2e-4, 1e-4)), ("lora_rank", (None, None, 8))]
