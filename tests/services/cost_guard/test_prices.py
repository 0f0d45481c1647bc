"""The running service asks the provisioner for prices over NATS, and answers without them."""

import pytest_asyncio

from chassis.messaging.bus import Bus
from chassis.messaging.requests import RequestRouter
from contracts.gpus import GpuType, PricingTier
from contracts.rpc.costs import ESTIMATE, RateSource
from contracts.rpc.pods import PRICES, Price, Prices, PricesQuery
from services.cost_guard.settings import Settings
from tests.services.cost_guard.examples import SPOT_RATE, estimate_request


class Provisioner:
    def __init__(self) -> None:
        self.asked: list[GpuType] = []
        self.price, self.speed = 1_000_000, 1.1
        self.requests = RequestRouter()
        self.requests.rpc(PRICES)(self.answer)

    async def answer(self, request: PricesQuery) -> Prices:
        self.asked.append(request.gpu_type)
        price = Price(pricing_tier=PricingTier.SPOT, gpu_model="NVIDIA H100 NVL", micro_usd_per_hour=self.price,
                      relative_speed=self.speed)
        return Prices(provider="runpod", prices=(price,))


@pytest_asyncio.fixture
async def provisioner(settings_for, topology):
    provisioner = Provisioner()
    bus = Bus(Settings(**settings_for("provisioner")))
    bus.include(provisioner.requests)
    await bus.start()
    yield provisioner
    await bus.stop()


async def estimated(caller, job):
    return await caller.bus.request(ESTIMATE, estimate_request(job.workspace_id), timeout_s=20)


async def test_the_providers_price_is_asked_for_once_a_minute(provisioner, caller, job, clock) -> None:
    first = await estimated(caller, job)
    assert (first.rate_micro_usd_per_hour, first.rate_source) == (1_000_000, RateSource.PROVIDER)
    provisioner.price = 2_000_000
    assert (await estimated(caller, job)).rate_micro_usd_per_hour == 1_000_000
    clock.advance(61)
    assert (await estimated(caller, job)).rate_micro_usd_per_hour == 2_000_000
    assert provisioner.asked == [GpuType.H100_PCIE_80GB] * 2


async def test_the_duration_is_that_of_the_card_with_the_price(provisioner, caller, job, clock) -> None:
    slow = await estimated(caller, job)
    provisioner.speed = 2.2
    clock.advance(61)
    fast = await estimated(caller, job)
    assert fast.duration.expected_s < slow.duration.expected_s
    assert fast.cost_micro_usd.expected < slow.cost_micro_usd.expected


async def test_without_an_answer_the_configured_rate_serves_and_says_so(caller, job) -> None:
    found = await estimated(caller, job)
    assert (found.rate_micro_usd_per_hour, found.rate_source) == (SPOT_RATE, RateSource.CONFIGURED)
    assert "the configured rate of $2.49 an hour" in found.explanation
