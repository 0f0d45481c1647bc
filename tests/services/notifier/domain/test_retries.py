from datetime import timedelta

from services.notifier.domain.retries import retry_after


def test_delays_grow_then_end_and_a_receivers_wish_counts() -> None:
    delays = (1.0, 10.0)
    assert retry_after(1, delays) == timedelta(seconds=1)
    assert retry_after(2, delays) == timedelta(seconds=10)
    assert retry_after(3, delays) is None
    assert retry_after(1, delays, asked_s=60) == timedelta(seconds=60)
