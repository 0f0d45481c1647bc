"""Each preset's figures week by week, and the filters as the API takes them."""

from datetime import UTC, datetime

from services.dashboard.trends import asked, curves, periods, wanted

NOTHING = {"success_rate": None, "mean_cost_micro_usd": None, "median_duration_seconds": None,
           "mean_improvement_pct": None}


def week(day: str, preset: str, **figures: float) -> dict:
    return {"week": day, "preset": preset, **NOTHING, **figures}


def test_a_week_without_a_preset_is_a_gap_and_not_a_nought() -> None:
    success, cost, duration, improvement = curves([
        week("2026-11-02", "balanced", success_rate=0.5, mean_cost_micro_usd=2_500_000, median_duration_seconds=90),
        week("2026-11-09", "aggressive", success_rate=0.0)])
    assert success.presets == ["aggressive", "balanced"]
    assert [row.cells for row in success.rows] == [[(None, "–"), (50.0, "50 %")], [(0.0, "0 %"), (None, "–")]]
    assert success.summary == "Last: Aggressive 0 %, Balanced 50 %."
    assert (success.trend.most, cost.trend.most) == (100, None)
    assert cost.rows[0].cells[1] == (2.5, "$2.50")
    assert duration.rows[0].cells[1] == (1.5, "1 min 30 s")
    assert improvement.summary == "Nothing to show of this yet."


def test_days_are_whole_and_what_is_no_day_goes_as_it_is() -> None:
    state = wanted({"from": "2026-11-02", "to": "2026-11-30", "client": " Acme ", "preset": "", "other": "x"})
    assert state == {"from": "2026-11-02", "to": "2026-11-30", "client": "Acme"}
    assert asked(state) == {"from": "2026-11-02T00:00:00Z", "to": "2026-12-01T00:00:00Z", "client": "Acme"}
    for odd in ("2026-13-01", "yesterday!", "2026-11-02T10:00:00Z"):
        assert asked({"to": odd}) == {"to": odd}
    assert asked({"to": "9999-12-31"}) == {"to": "9999-12-31"}


def test_periods_end_now() -> None:
    assert periods(datetime(2026, 11, 29, 23, 59, tzinfo=UTC))[0] == ("Last 30 days", "2026-10-30")
