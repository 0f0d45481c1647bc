"""What a machine cost beyond its use."""

from datetime import UTC, datetime, timedelta

import pytest

from services.provisioner.domain.leaks import leaked_micro_usd

T0 = datetime(2026, 11, 28, 12, tzinfo=UTC)
RATE = 3_600_000  # a thousand micro-dollars a second


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


@pytest.mark.parametrize(("until", "needed", "wanted", "micro_usd"), [
    (at(100), None, True, 0),  # it was needed to its end
    (at(100), at(90), True, 0),  # ends take a while
    (at(150), at(90), True, 0),
    (at(400), at(90), True, 250_000),  # it outlived its job by more than a minute
    (at(100), None, False, 100_000),  # nobody asked for it
    (at(100), at(-500), False, 100_000),  # it came after the end of its job
    (at(100), at(30), False, 70_000),  # it was in use until the row was closed by mistake
])
def test_what_is_leaked(until: datetime, needed: datetime | None, wanted: bool, micro_usd: int) -> None:
    assert leaked_micro_usd(RATE, at(0), until, needed, wanted=wanted) == micro_usd


def test_without_a_price_or_a_machine_nothing_is_counted() -> None:
    assert leaked_micro_usd(None, at(0), at(9), None, wanted=False) == 0
    assert leaked_micro_usd(RATE, None, at(9), None, wanted=False) == 0
