"""A price before the start: exact token counts times a throughput with an interval."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from contracts.gpus import GpuType, PricingTier
from contracts.hyperparameters import Hyperparameters
from contracts.money import format_usd
from contracts.rpc.pods import Price
from services.cost_guard.domain.throughput import PRIORS, Duration, physical_duration_s, predict

RateTable = Mapping[tuple[GpuType, PricingTier], int]


class RateUnknown(LookupError):
    """No hourly rate is known for this GPU and tier."""

    def __init__(self, gpu_type: GpuType, tier: PricingTier) -> None:
        super().__init__(f"there is no hourly rate for {gpu_type.value} as {tier.value}")
        self.gpu_type, self.tier = gpu_type, tier


@dataclass(frozen=True)
class Workload:
    """What is computed: tokens of all epochs, tokens of all evaluations, optimizer steps."""

    training_tokens: int
    evaluation_tokens: int
    steps: int


@dataclass(frozen=True)
class Priced:
    workload: Workload
    physical_s: float
    duration: Duration
    runs: int
    source: str
    start_s: float
    finish_s: float

    @property
    def training_s(self) -> float:
        """What is expected between the start and the finish: training, with its evaluations."""
        return self.duration.expected_s - self.start_s - self.finish_s


def workload(
    parameters: Hyperparameters, conversations: int, tokens: int, done_epochs: float = 0.0
) -> Workload:
    """Counts of a run, or of what remains of it. The hold-out is evaluated at the start, which is the base model's
    figure too, and after each epoch; the last one is the trained model's. What resumes knows the base's."""
    epochs = max(0.0, parameters.num_epochs - done_epochs)
    evaluations = max(1, math.ceil(epochs) + (1 if done_epochs == 0 else 0))
    held_out = max(1, round(conversations * parameters.validation_fraction)) if conversations > 1 else 0
    share = held_out / conversations if conversations else 0.0
    per_step = parameters.per_device_train_batch_size * parameters.gradient_accumulation_steps
    steps_per_epoch = math.ceil((conversations - held_out) / per_step)
    return Workload(
        training_tokens=round(round(tokens * (1 - share)) * epochs),
        evaluation_tokens=round(tokens * share) * evaluations,
        steps=math.ceil(steps_per_epoch * epochs),
    )


def price(
    gpu_type: GpuType, work: Workload, log_errors: Sequence[float], offered: Price | None = None
) -> Priced:
    """`offered`: the machine that the provider would give; None: the type's own card."""
    prior, speed = PRIORS[gpu_type], offered.relative_speed if offered else 1.0
    physical_s = physical_duration_s(prior, work.training_tokens, work.evaluation_tokens, work.steps, speed)
    duration = predict(prior, physical_s, log_errors)
    learnt = duration.expected_s / physical_s
    return Priced(work, physical_s, duration, len(log_errors), prior.source, prior.cold_start_s * learnt,
                  prior.finish_s * learnt)


def cost_micro_usd(rate_micro_usd_per_hour: int, seconds: float) -> int:
    """Rounded up: an estimate never flatters."""
    return math.ceil(rate_micro_usd_per_hour * seconds / 3600)


def rate_of(rates: RateTable, gpu_type: GpuType, tier: PricingTier) -> int:
    """The rate to plan with; `auto` may end up on-demand, so it is planned with the dearer of both.

    Raises RateUnknown.
    """
    tiers = (PricingTier.SPOT, PricingTier.ON_DEMAND) if tier is PricingTier.AUTO else (tier,)
    try:
        return max(rates[gpu_type, one] for one in tiers)
    except KeyError:
        raise RateUnknown(gpu_type, tier) from None


def offered_tiers(rates: RateTable, gpu_type: GpuType, chosen: PricingTier) -> list[tuple[PricingTier, int]]:
    """The chosen tier first, then the others that have a price of their own. Raises RateUnknown."""
    others = [tier for tier in (PricingTier.SPOT, PricingTier.ON_DEMAND) if tier is not chosen]
    known = [tier for tier in others if (gpu_type, tier) in rates]
    return [(tier, rate_of(rates, gpu_type, tier)) for tier in (chosen, *known)]


def planned_tier(rates: RateTable, gpu_type: GpuType, tier: PricingTier) -> PricingTier:
    """The tier whose rate `rate_of` plans with. Raises RateUnknown."""
    rate = rate_of(rates, gpu_type, tier)
    return next(one for one in (tier, PricingTier.SPOT, PricingTier.ON_DEMAND) if rates.get((gpu_type, one)) == rate)


def with_offered_prices(rates: RateTable, gpu_type: GpuType, offered: Iterable[Price]) -> RateTable:
    """The provider's prices of the moment in place of the configured rates, where it tells them."""
    return {**rates, **{(gpu_type, price.pricing_tier): price.micro_usd_per_hour for price in offered}}


def explain(priced: Priced, rate_micro_usd_per_hour: int, offered: Price | None) -> str:
    basis = f"{priced.runs} finished runs like this one" if priced.runs else f"no finished run yet; {priced.source}"
    work = priced.workload
    return (
        f"{work.training_tokens:,} training tokens in {work.steps:,} steps; based on {basis}. "
        f"Eight of ten runs are expected inside the interval. {_whose_price(rate_micro_usd_per_hour, offered)}"
    )


def _whose_price(rate_micro_usd_per_hour: int, offered: Price | None) -> str:
    if offered is None:
        return f"Priced with the configured rate of {format_usd(rate_micro_usd_per_hour)} an hour."
    return f"Priced with what the provider asks now for {offered.gpu_model}: {format_usd(rate_micro_usd_per_hour)}/h."
