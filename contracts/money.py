"""Money is an integer number of micro-dollars everywhere: 1 USD = 1,000,000."""

from decimal import ROUND_HALF_UP, Decimal

MICRO_USD_PER_USD = 1_000_000


def micro_usd(usd: str | Decimal) -> int:
    """Exact conversion of a decimal dollar amount, rounded half up to one micro-dollar."""
    return int((Decimal(usd) * MICRO_USD_PER_USD).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def usd(amount_micro_usd: int) -> Decimal:
    """Dollars as an exact decimal with six places."""
    return Decimal(amount_micro_usd) / MICRO_USD_PER_USD


def format_usd(amount_micro_usd: int) -> str:
    """For people: two places from one cent upwards, four below (`$12.30`, `$0.0042`)."""
    value = usd(amount_micro_usd)
    places = Decimal("0.01") if value == 0 or abs(value) >= Decimal("0.01") else Decimal("0.0001")
    return f"${value.quantize(places, rounding=ROUND_HALF_UP):,}"
