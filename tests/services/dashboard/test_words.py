"""Figures as pages write them, and the arithmetic of the job page."""

from datetime import UTC, datetime, timedelta

import pytest

from services.dashboard.job_view import cost, latest_values, steps, without_change
from services.dashboard.words import clock, duration, markdown, money, number, percent, size

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
JOB = {"status": "training", "current_stage": "training", "completed_at": None, "cost_estimate_micro_usd": 1_000_000,
       "actual_cost_micro_usd": 600_000, "estimate": {"cost_micro_usd": {"low": 1, "expected": 2, "high": 3}},
       "duration_seconds": 100, "estimated_time_remaining_seconds": 150.0, "cost_is_final": False}


@pytest.mark.parametrize(("shown", "expected"), [
    (duration(45), "45 s"), (duration(185), "3 min 05 s"), (duration(7440), "2 h 04 min"), (duration(None), "–"),
    (number(0.0002), "2.00e-04"), (number(1234.5678), "1,234.568"), (number("NaN"), "NaN"), (number(0), "0.000"),
    (size(999), "999 B"), (size(3_500_000), "3.5 MB"), (size(None), "–"), (size(2e15), "2000.0 TB"),
    (money(4_200), "$0.0042"), (money(None), "–"), (percent(12.34, 1), "12.3 %"), (str(clock(None)), "–")])
def test_every_number_has_its_unit(shown, expected) -> None:
    assert shown == expected


def test_a_time_is_exact_for_programs_and_readable_without_a_script() -> None:
    shown = str(clock("2026-01-02T03:04:05+00:00"))
    assert shown == ('<time datetime="2026-01-02T03:04:05+00:00" title="2026-01-02T03:04:05+00:00">'
                     "2026-01-02 03:04 UTC</time>")


@pytest.mark.parametrize("hostile", ["<script>x</script>", "[a](javascript:alert(1))", "![i](https://e/x.png)",
                                     '<img src=x onerror="x">', "[a](data:text/html;base64,AA)"])
def test_markdown_holds_no_markup_of_its_writer(hostile) -> None:
    shown = str(markdown(hostile))
    assert "<script" not in shown
    assert "<img" not in shown
    assert 'href="javascript' not in shown
    assert 'href="data' not in shown


def change(to: str, minutes: int) -> dict:
    return {"occurred_at": (NOW - timedelta(minutes=minutes)).isoformat(), "payload": {"to_status": to}}


def test_the_stages_are_done_current_and_ahead_with_their_time() -> None:
    found = {step.name: step for step in steps(JOB, [change("queued", 30), change("provisioning", 20),
                                                     change("training", 5)], NOW)}
    assert [step.state for step in found.values()] == ["done", "done", "done", "done", "current", "ahead"]
    assert found["queued"].elapsed_s == 600
    assert found["training"].elapsed_s == 300
    assert found["finalization"].elapsed_s is None


def test_a_job_that_failed_stopped_where_it_was() -> None:
    failed = JOB | {"status": "failed", "current_stage": None, "completed_at": NOW.isoformat()}
    changes = [change("queued", 9), change("provisioning", 8), change("failed", 1)]
    states = [step.state for step in steps(failed, changes, NOW)]
    assert states == ["done", "failed", "ahead", "ahead", "ahead", "ahead"]
    done = JOB | {"status": "completed", "current_stage": None}
    assert {step.state for step in steps(done, [], NOW)} == {"done"}


def test_the_cost_card_projects_at_the_present_pace_and_warns_above_a_fifth() -> None:
    running = {"data": [{"outcome": "interrupted", "rate_micro_usd_per_hour": 1},
                        {"outcome": "running", "rate_micro_usd_per_hour": 2_490_000}]}
    found = cost(JOB, running)
    assert (found.projected, found.variance_pct, found.rate_per_hour) == (1_500_000, 50.0, 2_490_000)
    assert found.warns
    ended = cost(JOB | {"status": "completed"}, None)
    assert (ended.projected, ended.variance_pct, ended.warns) == (600_000, -40.0, False)
    assert cost(JOB | {"estimate": None, "actual_cost_micro_usd": 0}, None).projected is None


def test_a_change_is_from_the_point_before() -> None:
    found = {"loss": {"value": 1.0, "step": 9}, "validation_loss": {"value": 2.0, "step": 5}}
    before = {"loss": [3.0, "NaN", 1.5, 1.0], "validation_loss": [2.0]}
    rows = latest_values(found, before)
    assert [(row["metric"].title, row["metric"].unit, row["change"]) for row in rows] == [
        ("Loss", "nats per token", -0.5), ("Validation loss", "nats per token", None)]
    assert without_change(found, before) == ["validation_loss"]


def test_what_is_expected_is_told_at_the_first_stage_that_it_is_about() -> None:
    parts = [{"stages": ["provisioning", "preprocessing", "model_loading"], "expected_s": 20},
             {"stages": ["training"], "expected_s": 60}]
    found = {step.name: step for step in steps(JOB | {"estimate": {"parts": parts}}, [], NOW)}
    assert (found["provisioning"].expected_s, found["provisioning"].expected_until) == (20, "model_loading")
    assert (found["training"].expected_s, found["training"].expected_until) == (60, "")
    assert (found["queued"].expected_s, found["model_loading"].expected_s) == (None, None)
