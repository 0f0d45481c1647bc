"""What somebody should know before a run is started. Nothing of it forbids the run; the budget does."""

from dataclasses import dataclass

from contracts.gpus import PricingTier
from contracts.money import format_usd
from contracts.rpc.costs import Estimate

# A run that is expected to cost or last more than the usual one by far.
_COSTLY_MICRO_USD = 100_000_000
_LONG_S = 24 * 3600
# On demand there is no saving: from here on a person says yes to it.
_CONFIRMED_MICRO_USD = 150_000_000


@dataclass(frozen=True)
class Warned:
    code: str
    message: str
    needs_confirmation: bool = False


def warnings(found: Estimate) -> list[Warned]:
    """By the expected value, the most serious last."""
    expected, warned = found.cost_micro_usd.expected, []
    if found.duration.expected_s > _LONG_S:
        warned.append(Warned("long", f"It is expected to run for {found.duration.expected_s / 3600:.0f} hours: longer "
                                      "than a day, and longer than a job may run at a time."))
    if expected > _COSTLY_MICRO_USD:
        warned.append(Warned("costly", f"It is expected to cost {format_usd(expected)}: more than "
                                        f"{format_usd(_COSTLY_MICRO_USD)}."))
    if found.pricing_tier is PricingTier.ON_DEMAND and expected > _CONFIRMED_MICRO_USD:
        spot = min((tier.cost_micro_usd.expected for tier in found.tiers if tier.pricing_tier is PricingTier.SPOT),
                   default=None)
        instead = f" On a spot machine it would be {format_usd(spot)}." if spot is not None else ""
        warned.append(Warned("costly_on_demand", f"More than {format_usd(_CONFIRMED_MICRO_USD)} on demand."
                                                  f"{instead}", needs_confirmation=True))
    return warned
