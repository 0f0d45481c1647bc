"""What a machine really is and costs."""

from dataclasses import dataclass

from contracts.money import MICRO_USD_PER_USD


@dataclass(frozen=True)
class MachinePrice:
    """As the provider tells it; None and empty where it does not. `rate_micro_usd_per_hour` is all that it charges
    while the machine exists; `on_demand_micro_usd_per_hour` is the same card's price when it cannot be taken away."""

    gpu_model: str = ""
    rate_micro_usd_per_hour: int | None = None
    on_demand_micro_usd_per_hour: int | None = None


UNPRICED = MachinePrice()


def completed_by(known: MachinePrice, told: MachinePrice) -> MachinePrice:
    """What was told last counts; what it leaves out stays as it is known."""
    return MachinePrice(
        told.gpu_model or known.gpu_model,
        known.rate_micro_usd_per_hour if told.rate_micro_usd_per_hour is None else told.rate_micro_usd_per_hour,
        known.on_demand_micro_usd_per_hour if told.on_demand_micro_usd_per_hour is None
        else told.on_demand_micro_usd_per_hour)


def micro_usd_per_hour(usd: float | None) -> int | None:
    """A provider's dollars. Nothing and less than nothing is no price."""
    return round(usd * MICRO_USD_PER_USD) if usd is not None and usd > 0 else None


def cost_micro_usd(rate_micro_usd_per_hour: int, seconds: float) -> int:
    return round(rate_micro_usd_per_hour * max(0.0, seconds) / 3600)
