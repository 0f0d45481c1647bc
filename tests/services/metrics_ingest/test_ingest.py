"""Reports in: each point once, whatever the order and however often."""

import json
import math
from datetime import UTC, datetime, timedelta

from contracts.identifiers import uuid7
from contracts.streams import STREAMS
from tests.services.metrics_ingest.conftest import Trainer, envelope


async def test_points_come_back(trainer: Trainer) -> None:
    await trainer.losses(range(1, 11))
    await trainer.settled()
    reply = await trainer.range()
    assert reply.series[0].steps == tuple(range(1, 11))
    assert reply.series[0].values == tuple(step + 0.1 for step in range(1, 11))
    assert reply.series[0].times[0] == 1_700_000_001
    assert reply.series[0].total_points == 10
    assert (await trainer.latest()).metrics["loss"].step == 10
    assert len(await trainer.export()) == 10


async def test_a_repeated_report_changes_nothing(trainer: Trainer) -> None:
    report = trainer.report(range(1, 101), loss=[0.5] * 100)
    event_id = await trainer.publish(report)
    for again in range(5):
        await trainer.publish(report, event_id=event_id, dedup=f"again-{again}")
    await trainer.publish(trainer.report(range(51, 151), loss=[0.7] * 100))  # overlaps: what was first stands
    await trainer.settled()
    points = await trainer.export()
    assert [point.step for point in points] == list(range(1, 151))
    assert {point.value for point in points[:100]} == {0.5}
    assert {point.value for point in points[100:]} == {0.7}
    assert await trainer.dead_lettered() == []
    assert (await trainer.range()).series[0].values == tuple([0.5] * 100 + [0.7] * 50)


async def test_reports_in_any_order(trainer: Trainer) -> None:
    for first in (401, 1, 201, 301, 101):
        await trainer.losses(range(first, first + 100))
    await trainer.settled()
    assert (await trainer.range()).series[0].steps == tuple(range(1, 501))
    assert (await trainer.latest()).metrics["loss"].step == 500


async def test_a_resumed_attempt_supersedes_and_nothing_is_lost(trainer: Trainer) -> None:
    await trainer.losses(range(1, 101))
    await trainer.losses(range(61, 81), attempt=2, resumed=60)
    await trainer.losses(range(101, 121))  # the first machine's last words, late
    await trainer.settled()
    reply = await trainer.range()
    assert reply.series[0].steps == tuple(range(1, 81))
    assert reply.series[0].attempts == (1,) * 60 + (2,) * 20
    assert [(b.attempt, b.resumed_from_step) for b in reply.boundaries] == [(1, 0), (2, 60)]
    newest = (await trainer.latest()).metrics["loss"]
    assert (newest.step, newest.attempt) == (80, 2)
    points = await trainer.export()
    assert len(points) == 140
    assert [(p.attempt, p.step) for p in points if p.superseded] == [(1, step) for step in range(61, 121)]


async def test_the_older_attempt_may_arrive_after_the_newer(trainer: Trainer) -> None:
    await trainer.losses(range(61, 81), attempt=2, resumed=60)
    await trainer.settled()
    await trainer.losses(range(1, 101))
    await trainer.settled()
    assert (await trainer.range()).series[0].attempts == (1,) * 60 + (2,) * 20


async def test_nan_and_infinity_are_kept_and_flagged(trainer: Trainer) -> None:
    losses = [0.5, math.nan, math.inf, -math.inf, None, 0.4]
    await trainer.publish(trainer.report(range(1, 7), loss=losses))
    await trainer.settled()
    series = (await trainer.range()).series[0]
    assert series.steps == (1, 2, 3, 4, 6)
    assert series.flagged_steps == (2, 3, 4)
    assert math.isnan(series.values[1] or 0)
    assert series.values[2:4] == (math.inf, -math.inf)
    assert [point.step for point in await trainer.export()] == [1, 2, 3, 4, 6]


async def test_a_bad_message_harms_nobody_else(trainer: Trainer) -> None:
    report = trainer.report([1], loss=[0.5])
    short = envelope(report)
    short["data"]["times"] = []
    await trainer.losses(range(10, 20))
    await trainer.send(report.subject(), b"{ no json")
    await trainer.send(report.subject(), json.dumps(short).encode())
    await trainer.send(report.subject(), b"\xff\xfe")
    await trainer.losses(range(20, 30))
    reasons = [message.headers["x-error"] for message in await trainer.dead_lettered()]
    assert len(reasons) == 3
    assert any("times has 0 entries" in reason for reason in reasons)
    assert (await trainer.range()).series[0].steps == tuple(range(10, 30))


async def test_a_report_about_another_job_is_refused(trainer: Trainer) -> None:
    await trainer.send(f"metrics.reported.{uuid7()}", json.dumps(envelope(trainer.report([1], loss=[1]))).encode())
    assert len(await trainer.dead_lettered()) == 1
    assert await trainer.export() == []


async def test_a_job_cannot_move_to_another_workspace(trainer: Trainer) -> None:
    await trainer.losses([1])
    await trainer.settled()
    stranger = uuid7()
    await trainer.publish(trainer.report([2], loss=[2]).model_copy(update={"workspace_id": stranger}))
    assert "belongs to another" in (await trainer.dead_lettered())[0].headers["x-error"]
    assert (await trainer.page(stranger)).points == ()


async def test_a_megabyte_in_messages_as_large_as_the_stream_takes(trainer: Trainer) -> None:
    names = [f"layer_{n}/norm" for n in range(50)]
    values = {name: [1 / (step + 3) + index for step in range(2000)] for index, name in enumerate(names)}
    reports = [
        trainer.report(range(at, at + 50), **{name: column[at : at + 50] for name, column in values.items()})
        for at in range(0, 2000, 50)
    ]
    sizes = [len(json.dumps(envelope(report))) for report in reports]
    assert max(sizes) > 0.75 * next(stream.max_msg_size for stream in STREAMS if stream.name == "METRICS")
    assert sum(sizes) > 1_000_000
    for report in reports:
        await trainer.publish(report)
    await trainer.settled()
    series = (await trainer.range(*names[:16])).series
    assert [len(found.steps) for found in series] == [2000] * 16
    assert series[7].values == tuple(values[names[7]])
    assert len((await trainer.latest()).metrics) == 50


async def test_clocks_may_be_wrong(trainer: Trainer) -> None:
    now = datetime.now(UTC)
    await trainer.publish(trainer.report([1, 2], loss=[1, 2], times=[4e9, -5.0]), time=now + timedelta(days=400))
    await trainer.publish(trainer.report([3], loss=[3], times=[0.0]), time=now - timedelta(days=20_000))
    await trainer.settled()
    series = (await trainer.range()).series[0]
    assert series.steps == (1, 2, 3)
    assert series.times == (4e9, -5.0, 0.0)
    assert (await trainer.latest()).metrics["loss"].step == 3
