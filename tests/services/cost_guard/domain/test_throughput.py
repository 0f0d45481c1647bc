import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.gpus import GpuType
from services.cost_guard.domain.throughput import (
    COMPUTED,
    PRIORS,
    experience_key,
    measured_prior,
    predict,
    priors,
    student_t_quantile,
)


@pytest.mark.parametrize(("freedom", "expected"), [(4, 1.533), (10, 1.372), (24, 1.318)])
def test_t_quantile_against_the_printed_table(freedom: int, expected: float) -> None:
    assert student_t_quantile(0.9, freedom) == pytest.approx(expected, rel=0.01)


def test_the_interval_starts_wide_and_narrows_as_runs_agree() -> None:
    prior = PRIORS[GpuType.H100_PCIE_80GB]
    before = predict(prior, 3600, [])
    after = predict(prior, 3600, [0.30, 0.31, 0.29, 0.30, 0.32, 0.28, 0.30, 0.31])
    assert before.expected_s == pytest.approx(3600)
    assert before.low_s < 3600 < before.high_s
    assert after.high_s / after.low_s < before.high_s / before.low_s
    # Eight runs of 35 % more than predicted pull the expectation most of the way there.
    assert after.expected_s == pytest.approx(3600 * math.exp(0.30 * 8 / 10), rel=0.01)


@given(st.lists(st.floats(-1, 1), max_size=30))
def test_the_expectation_lies_inside_its_interval(errors) -> None:
    duration = predict(PRIORS[GpuType.LOCAL], 60, errors)
    assert 0 < duration.low_s <= duration.expected_s <= duration.high_s


def test_the_h100_is_priced_as_the_pcie_card_it_is() -> None:
    """756 TFLOP/s dense bf16 at 40 % utilisation, 425 GFLOP per trained token: not the SXM card's 989 TFLOP/s."""
    assert PRIORS[GpuType.H100_PCIE_80GB].tokens_per_second == pytest.approx(756e12 * 0.40 / 425e9, rel=0.01)


def test_what_was_learnt_against_another_prior_is_not_used() -> None:
    """Errors are relative to the prediction of their day; with a corrected prior they would correct it twice."""
    assert experience_key(GpuType.LOCAL, "llama") == "local:llama"
    assert experience_key(GpuType.H100_PCIE_80GB, "llama") != "h100_pcie_80gb:llama"


MEASURED: dict[str, Any] = {"measured_at": "2027-01-15T10:00:00+00:00", "gpu": "NVIDIA H100 PCIe", "toy": False,
                            "useful_tokens_per_second": {"balanced": 804.0, "fused": 1010.0}}


def test_a_measured_result_replaces_what_was_computed(tmp_path: Path) -> None:
    assert priors(tmp_path) == COMPUTED
    (tmp_path / "h100_pcie_80gb.json").write_text(json.dumps(MEASURED))
    found, computed = priors(tmp_path)[GpuType.H100_PCIE_80GB], COMPUTED[GpuType.H100_PCIE_80GB]
    assert found.tokens_per_second == 804.0, "of the trainer as it is, not of the best arm"
    assert found.source == "a speed measured on NVIDIA H100 PCIe on 2027-01-15"
    assert (found.cold_start_s, found.finish_s) == (computed.cold_start_s, computed.finish_s)
    assert found.revision not in (1, computed.revision), "what runs taught about the computed one is not used"
    assert found.log_sigma < computed.log_sigma
    assert priors(tmp_path)[GpuType.LOCAL] == COMPUTED[GpuType.LOCAL]


@pytest.mark.parametrize("change", [{"toy": True}, {"useful_tokens_per_second": {}}])
def test_a_toys_figures_are_no_prior(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="second call"):
        measured_prior(COMPUTED[GpuType.H100_PCIE_80GB], {**MEASURED, **change})


def test_what_is_computed_says_so() -> None:
    """Until a result is committed."""
    assert all("computed, not measured" in prior.source or "measured on" in prior.source
               for gpu, prior in PRIORS.items() if gpu is not GpuType.LOCAL)
