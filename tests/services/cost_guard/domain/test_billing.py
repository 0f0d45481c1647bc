from datetime import UTC, datetime, timedelta

from services.cost_guard.domain.billing import BilledInterval, billed_seconds, month_bounds, total_cost

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_one_spot_hour_costs_the_rate() -> None:
    interval = BilledInterval(2_490_000, NOON, NOON + HOUR)
    assert total_cost([interval], NOON + 2 * HOUR) == 2_490_000
    assert billed_seconds([interval], NOON + 2 * HOUR) == 3600


def test_an_open_interval_costs_up_to_now_and_a_clock_set_back_costs_nothing() -> None:
    interval = BilledInterval(7_990_000, NOON, None)
    assert total_cost([interval], NOON + HOUR / 2) == 3_995_000
    assert total_cost([interval], NOON - HOUR) == 0


def test_december_ends_in_january() -> None:
    assert month_bounds("2026-12") == (datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


def test_a_machine_that_is_gone_costs_its_whole_time_however_late_our_clock_is() -> None:
    """Its times are the provider's; only an open interval needs to know what time it is here."""
    gone = BilledInterval(3_600_000, NOON, NOON + HOUR)
    behind = NOON + HOUR / 2
    assert total_cost([gone], behind) == 3_600_000
    assert billed_seconds([gone], behind) == 3600
