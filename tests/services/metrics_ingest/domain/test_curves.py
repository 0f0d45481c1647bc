"""Columns, attempts and thinning."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics_ingest.domain.attempts import MOST_ATTEMPTS, effective, last_valid_steps, superseded
from services.metrics_ingest.domain.curves import Curve, pack_ints, unpack_ints
from services.metrics_ingest.domain.points import LARGEST
from services.metrics_ingest.domain.thinning import evenly, thin


def curve(*points: tuple[int, int, float]) -> Curve:
    steps, attempts, values = zip(*points, strict=True)
    return Curve(np.array(steps, np.int32), np.array(attempts, np.int32), np.zeros(len(steps)), np.array(values))


def test_what_an_older_attempt_did_beyond_the_resume_point_is_superseded() -> None:
    assert last_valid_steps({1: 0, 2: 100, 3: 60}) == {3: LARGEST, 2: 60, 1: 60}
    steps, attempts = np.array([60, 61, 100, 101, 200], np.int32), np.array([1, 1, 2, 2, 3], np.int32)
    assert superseded(steps, attempts, {1: 0, 2: 100, 3: 60}).tolist() == [False, True, True, True, False]


@given(st.dictionaries(st.integers(1, MOST_ATTEMPTS), st.integers(0, 60), max_size=30))
def test_each_attempt_ends_where_a_newer_one_resumed(resumed: dict[int, int]) -> None:
    steps, attempts = (grid.ravel().astype(np.int32) for grid in np.meshgrid(np.arange(61), sorted(resumed) or [1]))
    expected = [
        any(step > resumed[newer] for newer in resumed if newer > attempt)
        for step, attempt in zip(steps.tolist(), attempts.tolist(), strict=True)
    ]
    assert superseded(steps, attempts, resumed).tolist() == expected


def test_a_step_has_one_effective_point_of_the_newest_attempt() -> None:
    found = effective(curve((3, 2, 3.2), (1, 1, 1.1), (2, 1, 2.1), (2, 2, 2.2), (3, 1, 3.1)), {1: 0, 2: 2})
    assert found.step.tolist() == [1, 2, 3]
    assert found.value.tolist() == [1.1, 2.2, 3.2]


@given(st.lists(st.integers(0, LARGEST), max_size=20))
def test_packed_integers_come_back(values: list[int]) -> None:
    assert unpack_ints(pack_ints(np.array(values, np.int32)), len(values)).tolist() == values


def test_evenly_spaced_steps_take_eight_bytes() -> None:
    steps = np.arange(10, 50_000, 10, dtype=np.int32)
    assert len(pack_ints(steps)) == 8
    assert (unpack_ints(pack_ints(steps), len(steps)) == steps).all()


def test_thinning_keeps_ends_and_the_extremes_of_every_slice() -> None:
    noise = np.random.default_rng(3)
    values = noise.normal(size=100_000)
    values[[12_345, 12_346, 70_001]] = [50.0, -50.0, 40.0]  # a peak beside a trough: both must survive
    steps = np.arange(100_000, dtype=np.int32)
    chosen, flagged = thin(steps, values, 500)
    assert len(chosen) <= 500
    assert not len(flagged)
    assert {0, 12_345, 12_346, 70_001, 99_999} <= set(chosen.tolist())
    kept = values[chosen]
    for at in range(0, 99_000, 900):  # twice the width of a slice and more: a whole slice lies within
        nearby = (chosen >= at) & (chosen < at + 900)
        inner = values[at + 405 : at + 495]
        assert kept[nearby].max() >= inner.max()
        assert kept[nearby].min() <= inner.min()


def test_thinning_hides_neither_values_nor_what_is_no_number() -> None:
    values = np.ones(10_000)
    values[5_000:9_000] = math.nan
    values[100] = math.inf
    values[9_500] = 7.0
    chosen, flagged = thin(np.arange(10_000, dtype=np.int32), values, 200)
    assert len(chosen) <= 200
    assert len(flagged) == 4_001
    assert 100 in chosen
    assert 9_500 in chosen
    assert np.isnan(values[chosen]).sum() > 10


def test_nothing_but_nan_is_thinned_too() -> None:
    chosen, flagged = thin(np.arange(5_000, dtype=np.int32), np.full(5_000, math.nan), 100)
    assert 0 < len(chosen) <= 100
    assert len(flagged) == 5_000
    assert evenly(flagged, 3).tolist() == [0, 2500, 4999] or len(evenly(flagged, 3)) == 3


@pytest.mark.parametrize("points", [10, 11, 200, 5_000])
def test_thinning_never_exceeds_its_budget(points: int) -> None:
    values = np.random.default_rng(1).normal(size=30_000)
    values[::7] = math.nan
    assert len(thin(np.arange(30_000, dtype=np.int32), values, points)[0]) <= points
