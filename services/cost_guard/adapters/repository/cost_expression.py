"""`domain.billing.cost` in SQL: exact, in numerics."""

from typing import Any

from sqlalchemy import Numeric, func
from sqlalchemy import cast as sql_cast

from services.cost_guard.adapters.tables import billing_intervals
from services.cost_guard.domain.billing import MICROSECONDS_PER_HOUR


def cost(since: Any, until: Any, rate: Any = billing_intervals.c.rate_micro_usd_per_hour) -> Any:
    """Micro-dollars of one interval at a rate for an hour."""
    microseconds = func.greatest(0, func.extract("epoch", until - since) * 1_000_000)
    micro_usd = microseconds * sql_cast(rate, Numeric)
    return func.div(micro_usd + MICROSECONDS_PER_HOUR // 2, MICROSECONDS_PER_HOUR)
