from pydantic import Field

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    service_name: str = "cost_guard"
    default_budget_micro_usd: int = Field(default=500_000_000, ge=0)
    # How soon an overrun or a crossed budget level is noticed.
    cost_tick_s: float = Field(default=15.0, gt=0)
    # The product promises a cost current to the minute.
    cost_publish_s: float = Field(default=60.0, ge=0)
    # How often the bills are compared with the provisioner's list of machines.
    reconcile_interval_s: float = Field(default=3600.0, gt=0)
    overrun_percent: float = Field(default=20.0, gt=0)
    budget_thresholds_percent: tuple[int, ...] = (80, 95)

    @property
    def publish_after_s(self) -> float:
        """An older cost is published at this tick: at the next one it would be too old."""
        return max(0.0, self.cost_publish_s - self.cost_tick_s)
