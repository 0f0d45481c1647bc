"""Answers: the same from rows, from packed columns and from the hot window."""

import random
from typing import Any

import numpy as np
import pytest
from redis.asyncio import Redis

from chassis.problems import ProblemError
from contracts.identifiers import uuid7
from services.metrics_ingest.domain.points import BLOCK_STEPS
from tests.services.metrics_ingest.conftest import Trainer, packed, until

STEPS = 3 * BLOCK_STEPS + 500


async def report_all(trainer: Trainer, values: np.ndarray[Any, Any]) -> None:
    for at in range(0, len(values), 1000):
        part = values[at : at + 1000].tolist()
        await trainer.publish(trainer.report(range(at, at + len(part)), loss=part))
    await trainer.settled()


def hits(service: Any) -> float:
    from services.metrics_ingest.metrics import HOT_WINDOW

    return float(HOT_WINDOW.labels("hit")._value.get())


async def test_a_long_curve_is_thinned_and_keeps_its_peaks(trainer: Trainer, service: Any) -> None:
    values = np.random.default_rng(5).normal(1, 0.1, STEPS)
    values[[7_000, 7_001]] = [99.0, -99.0]
    await report_all(trainer, values)
    for wait in (None, packed):
        if wait:
            await wait(service)
        series = (await trainer.range(max_points=200)).series[0]
        assert len(series.steps) <= 200
        assert series.total_points == STEPS
        assert {99.0, -99.0} <= set(series.values)
        assert (series.steps[0], series.steps[-1]) == (0, STEPS - 1)
        assert all(values[step] == value for step, value in zip(series.steps, series.values, strict=True))


async def test_bounds_cut_through_packed_blocks_and_late_points_show(trainer: Trainer, service: Any) -> None:
    values = np.arange(STEPS, dtype=float)
    await report_all(trainer, values)
    await packed(service)
    low, high = BLOCK_STEPS - 3, BLOCK_STEPS + 3
    assert (await trainer.range(from_step=low, to_step=high)).series[0].steps == tuple(range(low, high + 1))
    await trainer.losses([high - 1], attempt=2, resumed=high - 2)  # into a block that is packed
    await trainer.settled()
    series = (await trainer.range(from_step=low, to_step=high)).series[0]
    assert series.steps == tuple(range(low, high))
    assert series.values[-1] == high - 1 + 0.2
    await packed(service)
    assert (await trainer.range(from_step=low, to_step=high)).series[0].values == series.values


async def test_the_hot_window_serves_the_newest_steps_and_only_when_it_covers(trainer: Trainer, service: Any) -> None:
    values = np.arange(30_000, dtype=float)
    await report_all(trainer, values)
    before = hits(service)

    async def served_from_the_window() -> bool:
        """A window that does not answer at once is passed over, as on a busy machine."""
        assert (await trainer.range(from_step=28_500)).series[0].values == tuple(values[28_500:])
        return hits(service) == before + 1

    await until(served_from_the_window)
    assert (await trainer.range(to_step=100)).series[0].values == tuple(values[:101])
    assert hits(service) == before + 1


async def test_late_points_never_make_the_window_lie(trainer: Trainer, service: Any) -> None:
    order = list(range(0, 30_000, 1000))
    random.Random(2).shuffle(order)
    for at in order:
        await trainer.losses(range(at, at + 1000))
        if at % 7000 == 0:
            await trainer.settled()
    await trainer.settled()
    for low in (0, 5_000, 20_000, 27_900, 29_000):
        assert (await trainer.range(from_step=low, to_step=low + 999)).series[0].steps == tuple(range(low, low + 1000))


async def test_a_flushed_redis_is_filled_again(trainer: Trainer, service: Any, valkey: Any) -> None:
    await trainer.losses(range(100))
    await trainer.settled()
    redis = Redis.from_url(valkey.url)
    await redis.flushall()
    assert (await trainer.range()).series[0].steps == tuple(range(100))
    before = hits(service)

    async def served_from_the_window() -> bool:
        return len((await trainer.range()).series[0].steps) == 100 and hits(service) > before

    await until(served_from_the_window)
    await trainer.losses(range(100, 120))
    await trainer.settled()
    assert (await trainer.range()).series[0].steps == tuple(range(120))
    await redis.aclose()


async def test_a_window_that_missed_a_commit_is_not_used(trainer: Trainer, service: Any, valkey: Any) -> None:
    await trainer.losses(range(100))
    await trainer.settled()
    redis = Redis.from_url(valkey.url)
    key = f"metrics:hot:{trainer.job_id}"
    old = await redis.get(key)
    await trainer.losses(range(100, 200))
    await trainer.settled()
    await redis.set(key, old)
    assert (await trainer.range()).series[0].steps == tuple(range(200))
    await trainer.losses(range(200, 210))
    await trainer.settled()
    assert (await trainer.range()).series[0].steps == tuple(range(210))
    await redis.aclose()


async def test_pages_of_the_export_are_complete_and_in_order(trainer: Trainer) -> None:
    for first in (0, 50, 100):
        steps = range(first, first + 50)
        sparse = [step / 2 if step % 10 == 0 else None for step in steps]
        await trainer.publish(trainer.report(steps, loss=[1.0] * 50, learning_rate=[2.0] * 50, validation_loss=sparse))
    await trainer.publish(trainer.report(range(120, 140), attempt=2, resumed=119, loss=[3.0] * 20))
    await trainer.settled()
    whole = await trainer.export()
    assert len(whole) == 150 * 2 + 15 + 20
    assert [(p.step, p.attempt) for p in whole if p.metric == "loss"] == sorted(
        [(step, 1) for step in range(150)] + [(step, 2) for step in range(120, 140)]
    )
    assert [point.step for point in whole] == sorted(point.step for point in whole)
    for limit in (1, 7, 335):
        assert await trainer.export(limit) == whole


async def test_a_made_up_cursor_is_refused(trainer: Trainer) -> None:
    await trainer.losses([1])
    await trainer.settled()
    for cursor in ("x", "AAAA", "ä"):
        with pytest.raises(ProblemError) as refusal:
            await trainer.page(cursor=cursor)
        assert refusal.value.code == "invalid_cursor"


async def test_a_stranger_sees_nothing(trainer: Trainer) -> None:
    await trainer.losses(range(10))
    await trainer.settled()
    stranger = uuid7()
    assert (await trainer.range(workspace_id=stranger)).series == ()
    assert (await trainer.range(workspace_id=stranger)).boundaries == ()
    assert (await trainer.latest(stranger)).metrics == {}
    assert (await trainer.page(stranger)).points == ()


async def test_metrics_nobody_reported_are_empty_series(trainer: Trainer) -> None:
    await trainer.losses(range(10))
    await trainer.settled()
    series = (await trainer.range("loss", "nonsense", "perplexity", "loss")).series
    assert [(found.metric, found.total_points) for found in series] == [
        ("loss", 10),
        ("nonsense", 0),
        ("perplexity", 0),
    ]


async def test_latest_follows_every_metric(trainer: Trainer) -> None:
    await trainer.publish(trainer.report([1, 2, 3], loss=[3, 2, 1], validation_loss=[None, 5, None]))
    await trainer.settled()
    found = (await trainer.latest()).metrics
    assert {name: (value.step, value.value) for name, value in found.items()} == {
        "loss": (3, 1),
        "validation_loss": (2, 5),
    }
    assert (await trainer.latest()).metrics == found  # remembered
    await trainer.losses([4])
    await trainer.settled()
    assert (await trainer.latest()).metrics["loss"].step == 4
