from datetime import UTC, datetime, timedelta

import pytest

from services.cost_guard.domain.billing import (
    BilledInterval,
    RunTimes,
    began,
    billed_seconds,
    confirmed,
    correction_kind,
    month_bounds,
    total_cost,
)

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


LATER = NOON + HOUR


@pytest.mark.parametrize(
    ("known", "since", "then"),
    [
        (None, NOON, RunTimes(NOON, None)),
        (RunTimes(NOON, None), LATER, RunTimes(NOON, None)),  # said twice: the first word stands
        (RunTimes(NOON, LATER), NOON, RunTimes(NOON, LATER)),  # one that is known to be gone stays gone
    ],
)
def test_a_machine_began(known, since, then) -> None:
    assert began(known, since) == then


@pytest.mark.parametrize(
    ("known", "since", "until", "then"),
    [
        (None, None, LATER, None),  # never ran: nothing to bill
        (None, NOON, LATER, RunTimes(NOON, LATER)),  # its beginning was never heard of
        (None, NOON, None, RunTimes(NOON, None)),
        (RunTimes(NOON, None), None, LATER, RunTimes(NOON, LATER)),  # it ran, whatever the end says about it
        (RunTimes(NOON, None), LATER, LATER, RunTimes(LATER, LATER)),  # the provider corrects the beginning
        (RunTimes(NOON, LATER), NOON, None, RunTimes(NOON, LATER)),  # an end is never taken back
        (RunTimes(NOON, NOON), NOON, LATER, RunTimes(NOON, LATER)),  # but it is corrected
    ],
)
def test_the_providers_word(known, since, until, then) -> None:
    assert confirmed(known, since, until) == then


@pytest.mark.parametrize(
    ("known", "new", "kind"),
    [
        (None, RunTimes(NOON, LATER), "opened"),
        (RunTimes(NOON, None), RunTimes(NOON, LATER), "closed"),
        (RunTimes(NOON, None), RunTimes(LATER, None), "corrected"),
        (RunTimes(NOON, NOON), RunTimes(NOON, LATER), "corrected"),
    ],
)
def test_what_a_correction_is_called(known, new, kind) -> None:
    assert correction_kind(known, new) == kind
