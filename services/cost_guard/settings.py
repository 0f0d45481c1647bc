from pydantic import Field

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    service_name: str = "cost_guard"
    default_budget_micro_usd: int = Field(default=500_000_000, ge=0)
    # The product promises a cost current to the minute; a quarter of that leaves room for a missed tick.
    cost_tick_s: float = Field(default=15.0, gt=0)
    overrun_percent: float = Field(default=20.0, gt=0)
    budget_thresholds_percent: tuple[int, ...] = (80, 95)
