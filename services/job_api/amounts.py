"""Amounts as people read them; the exact micro-dollars travel beside them as `*_micro_usd`."""


def dollars(micro_usd: int | None) -> float | None:
    """A JSON number with at most six places."""
    return None if micro_usd is None else micro_usd / 1_000_000
