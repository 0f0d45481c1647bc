"""What RunPod refuses, forgets, repeats and takes back, and what becomes of it here."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from contracts.gpus import GpuType, PricingTier
from services.provisioner.adapters.exchange import RateLimited, Unavailable
from services.provisioner.adapters.runpod.errors import BrokenRule, Forbidden, InvalidRequest, NoBalance, WrongKey
from services.provisioner.adapters.runpod.provider import RunPodProvider
from services.provisioner.ports import (
    AskLater,
    Machine,
    MachineState,
    NoCapacity,
    PodRequest,
    ProviderError,
    RequestRefused,
    TierNotOffered,
    TierSoldOut,
)
from tests.fake_runpod.catalog import H200, NVL, PCIE, SXM
from tests.fake_runpod.faults import CreateFault
from tests.fake_runpod.pods import FakePod
from tests.fake_runpod.server import FakeRunPod
from tests.services.provisioner.provider_suite import gone, new_name, request_for, until
from tests.services.provisioner.runpod_provider import configuration_for


def wanted(name: str, tier: PricingTier = PricingTier.ON_DEMAND, **environment: str) -> PodRequest:
    return request_for(name, gpu_type=GpuType.H100_PCIE_80GB, tier=tier, **environment)


def provider_for(runpod: FakeRunPod, **changes: Any) -> RunPodProvider:
    return RunPodProvider(configuration_for(runpod, **changes))


def pods(runpod: FakeRunPod, name: str) -> list[FakePod]:
    return runpod.account.named(f"brightrun-{name}")


def asked(runpod: FakeRunPod, method: str, path: str) -> int:
    return sum(exchange.method == method and exchange.path == path for exchange in runpod.exchanges)


@pytest.mark.parametrize("fault", [CreateFault.SLOW_ANSWER, CreateFault.LOST_ANSWER, CreateFault.ERROR_AFTER])
async def test_a_machine_whose_create_was_not_answered_is_found_by_its_name(
    runpod: FakeRunPod, fault: CreateFault
) -> None:
    provider, name = provider_for(runpod, timeout_s=0.5), new_name()
    runpod.faults.create = [fault]
    machine = await provider.create(wanted(name))
    assert [pod.id for pod in pods(runpod, name)] == [machine.provider_pod_id]


async def test_where_the_list_lags_too_no_second_machine_is_made(runpod: FakeRunPod) -> None:
    provider, name = provider_for(runpod, doubt_looks=1), new_name()
    runpod.account.options.list_lag_s, runpod.faults.create = 1.5, [CreateFault.LOST_ANSWER]
    with pytest.raises(Unavailable):
        await provider.create(wanted(name))
    with pytest.raises(AskLater) as later:
        await provider.create(wanted(name))
    await asyncio.sleep(later.value.retry_after_s)
    machine = await provider.create(wanted(name))
    assert [pod.id for pod in pods(runpod, name)] == [machine.provider_pod_id]


async def test_a_create_that_failed_is_done_again_when_the_list_must_know_better(runpod: FakeRunPod) -> None:
    provider, name = provider_for(runpod, doubt_looks=1, list_lag_s=0.3), new_name()
    runpod.faults.create = [CreateFault.ERROR_BEFORE]
    with pytest.raises(Unavailable):
        await provider.create(wanted(name))
    await asyncio.sleep(0.3)
    machine = await provider.create(wanted(name))
    assert [pod.id for pod in pods(runpod, name)] == [machine.provider_pod_id]


async def test_a_second_pod_of_the_same_name_is_removed(runpod: FakeRunPod) -> None:
    provider, name = provider_for(runpod), new_name()
    first = await provider.create(wanted(name))
    second = runpod.account.create(pods(runpod, name)[0].order)
    await asyncio.sleep(0.05)
    assert [machine.provider_pod_id for machine in await provider.list()] == [first.provider_pod_id]
    assert not second.exists
    assert [pod.id for pod in pods(runpod, name)] == [first.provider_pod_id]


async def test_a_process_that_knows_nothing_finds_the_same_machines(runpod: FakeRunPod) -> None:
    name = new_name()
    made = await provider_for(runpod).create(wanted(name))
    another = provider_for(runpod)
    assert (await another.create(wanted(name))).provider_pod_id == made.provider_pod_id
    await another.terminate(name)
    assert pods(runpod, name) == []


async def test_pods_of_others_are_not_ours(runpod: FakeRunPod) -> None:
    provider, name = provider_for(runpod), new_name()
    await provider_for(runpod, installation="another").create(wanted(name))
    assert await provider.list() == []
    assert await provider.describe(name) is None
    await provider.terminate(name)
    assert len(runpod.account.named(f"another-{name}")) == 1


@pytest.mark.parametrize("name", [
    "brightrun-staging-job-3aea3dd5-c0b8-4893-8cfb-43331a99df74-a1", "brightrun-notebook"])
async def test_pods_whose_names_begin_like_ours_are_not_ours(runpod: FakeRunPod, name: str) -> None:
    """An installation called `brightrun` beside one called `brightrun-staging`, and a person's pod."""
    provider, ours = provider_for(runpod), new_name()
    await provider.create(wanted(ours))
    other = runpod.account.create({**pods(runpod, ours)[0].order, "name": name})
    await asyncio.sleep(0.05)
    assert [machine.name for machine in await provider.list()] == [ours]
    assert other.exists


async def test_a_delete_that_fails_for_a_moment_is_repeated(runpod: FakeRunPod) -> None:
    provider, name = provider_for(runpod), new_name()
    await provider.create(wanted(name))
    runpod.faults.delete = [500, 500]
    await provider.terminate(name)
    assert pods(runpod, name) == []


async def test_a_delete_that_keeps_failing_is_no_end(runpod: FakeRunPod) -> None:
    provider, name = provider_for(runpod), new_name()
    await provider.create(wanted(name))
    runpod.faults.delete = [500] * 3
    with pytest.raises(Unavailable):
        await provider.terminate(name)
    assert await provider.describe(name) is not None
    life = await provider.lifetime(name)
    assert life is not None
    assert life.ended_at is None
    await gone(provider, name)


async def test_a_machine_that_is_not_there_any_more_ended_when_that_was_seen(runpod: FakeRunPod) -> None:
    provider, name = provider_for(runpod), new_name()
    await provider.create(wanted(name))
    await until(provider, name, MachineState.RUNNING)
    runpod.account.run_out_of_money()
    await asyncio.sleep(0.05)
    assert await provider.describe(name) is None
    life = await provider.lifetime(name)
    assert life is not None
    assert life.ended_at is not None
    assert (await provider.create(wanted(name))).state is MachineState.EXITED


async def test_a_reclaimed_spot_machine_has_exited(runpod: FakeRunPod) -> None:
    provider, name = provider_for(runpod), new_name()
    made = await provider.create(wanted(name, PricingTier.SPOT))
    assert pods(runpod, name)[0].spot
    await until(provider, name, MachineState.RUNNING)
    await runpod.account.reclaim(made.provider_pod_id, 0)
    exited = await until(provider, name, MachineState.EXITED)
    assert exited.exit_code is None
    assert "EXITED" in exited.reason


async def test_nothing_free_is_no_capacity(runpod: FakeRunPod) -> None:
    provider = provider_for(runpod)
    await provider.capacity(GpuType.H100_PCIE_80GB, PricingTier.ON_DEMAND)  # the catalogue said there was some
    for gpu in runpod.account.gpus.values():
        gpu.free = dict.fromkeys(gpu.free, 0)
    for _ in range(2):  # by the refusals, then by the catalogue
        with pytest.raises(NoCapacity):
            await provider.create(wanted(new_name()))
    assert not (await provider.capacity(GpuType.H100_PCIE_80GB, PricingTier.ON_DEMAND)).available
    assert asked(runpod, "POST", "/v2/pods") == 4


async def test_the_next_card_is_taken_where_one_is_sold_out_or_forbidden(runpod: FakeRunPod) -> None:
    provider, cards = provider_for(runpod), []
    for card in (None, SXM, NVL, PCIE):
        runpod.faults.forbidden_gpus |= {card} if card else set()
        name = new_name()
        await provider.create(wanted(name))
        cards.append(pods(runpod, name)[0].order["gpu"]["id"])
    assert cards == [SXM, NVL, PCIE, H200]


@pytest.mark.parametrize(("order", "error"), [
    (lambda runpod: setattr(runpod.faults, "broken_rule", "globalNetworking needs an NVIDIA GPU"), BrokenRule),
    (lambda runpod: setattr(runpod.faults, "forbidden_gpus", {SXM, PCIE, NVL, H200}), Forbidden),
    (lambda runpod: runpod.account.run_out_of_money(), NoBalance),
    (lambda runpod: setattr(runpod.account.options, "api_key", "another"), WrongKey),
])
async def test_refusals_are_told_apart(runpod: FakeRunPod, order: Any, error: type[ProviderError]) -> None:
    provider = provider_for(runpod)
    order(runpod)
    with pytest.raises(error):
        await provider.create(wanted(new_name()))
    assert issubclass(error, RequestRefused)


async def test_a_request_against_the_document_is_ours_to_mend(runpod: FakeRunPod) -> None:
    with pytest.raises(InvalidRequest, match="disk"):
        await provider_for(runpod, disk_gb=0).create(wanted(new_name()))


async def test_neither_key_nor_environment_is_in_an_error(runpod: FakeRunPod) -> None:
    runpod.faults.broken_rule = f"bad value 'seed of a user' for key {runpod.account.options.api_key}"
    for tier in (PricingTier.ON_DEMAND, PricingTier.SPOT):
        with pytest.raises(BrokenRule) as refused:
            await provider_for(runpod).create(wanted(new_name(), tier, SEED="seed of a user"))
        assert "bad value '***' for key ***" in str(refused.value)
    assert runpod.account.options.api_key not in repr(configuration_for(runpod))


async def test_a_short_rate_limit_is_waited_for(runpod: FakeRunPod) -> None:
    runpod.faults.rate_limited = [1]
    name = new_name()
    assert (await provider_for(runpod).create(wanted(name))).name == name


async def test_during_a_long_rate_limit_nobody_asks(runpod: FakeRunPod) -> None:
    provider, name = provider_for(runpod), new_name()
    runpod.faults.rate_limited = [60]
    with pytest.raises(RateLimited) as limited:
        await provider.create(wanted(name))
    assert 59 < limited.value.retry_after_s <= 60
    before = len(runpod.exchanges)
    with pytest.raises(RateLimited):
        await provider.describe(name)
    assert len(runpod.exchanges) == before


async def test_reading_is_repeated_after_a_failure(runpod: FakeRunPod) -> None:
    runpod.faults.any_call = [502, 503]
    assert await provider_for(runpod).list() == []


async def test_a_provider_that_cannot_be_reached_has_made_nothing(runpod: FakeRunPod) -> None:
    provider = provider_for(runpod, url="http://127.0.0.1:9")
    with pytest.raises(ProviderError, match="cannot be reached"):
        await provider.create(wanted(new_name()))


@pytest.mark.parametrize("fault", ["spot_withdrawn", "spot_disabled", "graphql_gone"])
async def test_when_spot_is_withdrawn_it_is_off_and_on_demand_goes_on(runpod: FakeRunPod, fault: str) -> None:
    provider, name = provider_for(runpod), new_name()
    setattr(runpod.faults, fault, True)
    for _ in range(2):
        with pytest.raises(TierNotOffered, match=r"choose on_demand"):
            await provider.create(wanted(name, PricingTier.SPOT))
    assert asked(runpod, "POST", "/graphql") <= 5  # the lowest bid for each card and the mutation, once
    assert not (await provider.capacity(GpuType.H100_PCIE_80GB, PricingTier.SPOT)).available
    assert (await provider.create(wanted(name))).name == name


async def test_spot_can_be_switched_off(runpod: FakeRunPod) -> None:
    with pytest.raises(TierNotOffered):
        await provider_for(runpod, spot=False).create(wanted(new_name(), PricingTier.SPOT))
    assert asked(runpod, "POST", "/graphql") == 0


async def test_a_bid_is_a_little_above_the_lowest_one(runpod: FakeRunPod) -> None:
    name = new_name()
    await provider_for(runpod).create(wanted(name, PricingTier.SPOT))
    assert pods(runpod, name)[0].hourly_usd == pytest.approx(1.75 * 1.1)


async def test_a_bid_never_exceeds_the_price_on_demand(runpod: FakeRunPod) -> None:
    name = new_name()
    for card in runpod.account.gpus.values():
        card.spot_usd = 3.45 if card.id == SXM else None
    await provider_for(runpod).create(wanted(name, PricingTier.SPOT))
    assert pods(runpod, name)[0].hourly_usd == pytest.approx(3.49)


@pytest.mark.parametrize(("bids", "card"), [
    ({}, SXM),
    ({SXM: 2.6}, NVL),  # 2.6 / 1.4 is more than 1.6 / 1.1, though on demand the SXM's token is the cheapest
    ({SXM: 2.6, NVL: None}, PCIE),
    ({H200: 1.8}, H200),  # the dearest hour, the cheapest token
])
async def test_the_cheapest_spot_token_is_bid_for_first(
    runpod: FakeRunPod, bids: dict[str, float | None], card: str
) -> None:
    name = new_name()
    for changed, usd in bids.items():
        runpod.account.gpus[changed].spot_usd = usd
    await provider_for(runpod).create(wanted(name, PricingTier.SPOT))
    assert [pod.order["gpu"]["id"] for pod in pods(runpod, name)] == [card]


@pytest.mark.parametrize("tier", [PricingTier.SPOT, PricingTier.ON_DEMAND])
async def test_values_of_the_environment_arrive_as_they_are(runpod: FakeRunPod, tier: PricingTier) -> None:
    name, value = new_name(), 'a"b\nc\\ {{ }} $HOME'
    await provider_for(runpod, environment={"MORE": "yes"}).create(wanted(name, tier, GIVEN=value))
    environment = pods(runpod, name)[0].env
    assert {key: text for key, text in environment.items() if not key.startswith("RUNPOD_")} == {
        "MORE": "yes", "GIVEN": value, "BRIGHTRUN_RUNPOD_URL": runpod.url}


@pytest.mark.parametrize("tier", [PricingTier.SPOT, PricingTier.ON_DEMAND])
async def test_the_network_volume_decides_the_data_center_until_it_is_full(
    runpod: FakeRunPod, tier: PricingTier
) -> None:
    runpod.account.volumes["vol"] = {"id": "vol", "dataCenter": "EU-RO-1", "name": "models", "size": 100}
    provider = provider_for(runpod, volumes={"EU-RO-1": "vol"}, registry="reg_1")
    with_volume, without = new_name(), new_name()
    await provider.create(wanted(with_volume, tier))
    placed = pods(runpod, with_volume)[0]
    assert (placed.data_center, placed.order["mounts"]["network"]) == (
        "EU-RO-1", [{"volumeId": "vol", "path": "/models"}])
    for gpu in runpod.account.gpus.values():
        gpu.free["EU-RO-1"] = 0
    await provider.create(wanted(without, tier))
    assert pods(runpod, without)[0].data_center != "EU-RO-1"


async def test_the_log_is_read_by_byte_offsets(runpod: FakeRunPod) -> None:
    provider, name = provider_for(runpod), new_name()
    await provider.create(wanted(name))
    await until(provider, name, MachineState.RUNNING)
    async with asyncio.timeout(10):
        while not (await provider.read_log(name, 0, 100))[0]:
            pass
    assert await provider.read_log(name, 0, 100) == (b"ready\n", False)
    assert (await provider.read_log(name, 2, 3))[0] == b"ady"


async def test_a_dead_machine_says_that_it_runs(runpod: FakeRunPod) -> None:
    """Only its silence tells: the provider does not."""
    provider, name = provider_for(runpod), new_name()
    runpod.faults.dead = True
    await provider.create(wanted(name))
    await until(provider, name, MachineState.RUNNING)
    assert (await provider.read_log(name, 0, 100))[0] == b""


@pytest.mark.parametrize("tier", [PricingTier.SPOT, PricingTier.ON_DEMAND])
async def test_without_a_lowest_cuda_version_none_is_asked_for(runpod: FakeRunPod, tier: PricingTier) -> None:
    name = new_name()
    await provider_for(runpod, min_cuda="").create(wanted(name, tier))
    assert "minCudaVersion" not in pods(runpod, name)[0].order["gpu"]
    assert not any("minCudaVersion" in exchange.query for exchange in runpod.exchanges)


async def test_while_the_list_lags_a_machine_is_not_asked_for_at_every_look(runpod: FakeRunPod) -> None:
    provider, name = provider_for(runpod, list_max_age_s=60.0), new_name()
    runpod.account.options.list_lag_s = 60.0
    made = await provider.create(wanted(name))
    for _ in range(20):
        assert await provider.describe(name) is not None
    assert asked(runpod, "GET", f"/v2/pods/{made.provider_pod_id}") == 1
    assert asked(runpod, "GET", "/v2/pods") == 2


@pytest.mark.parametrize("status", [503, 429])
async def test_a_spot_market_that_does_not_answer_is_an_offer_that_failed(runpod: FakeRunPod, status: int) -> None:
    """GraphQL is to be retired: its troubles must neither end an `auto` job nor hold up REST."""
    provider, name = provider_for(runpod), new_name()
    runpod.faults.graphql = [status] * 4
    with pytest.raises(TierSoldOut):
        await provider.create(wanted(name, PricingTier.SPOT))
    assert (await provider.create(wanted(name))).name == name


async def test_a_rented_spot_machine_without_an_answer_is_found(runpod: FakeRunPod) -> None:
    provider, name = provider_for(runpod), new_name()
    runpod.faults.create = [CreateFault.ERROR_AFTER]
    machine = await provider.create(wanted(name, PricingTier.SPOT))
    assert [pod.id for pod in pods(runpod, name)] == [machine.provider_pod_id]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.slow
async def test_whatever_goes_wrong_there_is_one_machine_and_then_none(runpod: FakeRunPod, seed: int) -> None:
    chance = random.Random(seed)
    provider, name = provider_for(runpod, list_lag_s=0.6, doubt_looks=1, timeout_s=0.5), new_name()
    tier = chance.choice([PricingTier.ON_DEMAND, PricingTier.SPOT])
    runpod.account.options.list_lag_s, runpod.faults.slow_s = chance.choice([0.0, 0.4]), 0.8
    runpod.faults.create = chance.choices([*CreateFault], k=2)
    runpod.faults.any_call = chance.choices([500, 502, 503], k=2)
    runpod.faults.delete = chance.choices([500, 503], k=4)
    machine = await _patiently(provider.create, wanted(name, tier))
    assert machine is not None
    assert [pod.id for pod in pods(runpod, name)] == [machine.provider_pod_id]
    runpod.faults.any_call = chance.choices([500, 502, 503], k=2)
    while await _patiently(provider.describe, name) is not None:
        await _patiently(provider.terminate, name)
    assert pods(runpod, name) == []
    assert len(runpod.account.pods) == 1


async def _patiently(call: Callable[[Any], Awaitable[Machine | None]], argument: Any) -> Machine | None:
    """As the reconciler does it: again after a failure, later when told so."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await call(argument)
            except AskLater as later:
                await asyncio.sleep(later.retry_after_s)
            except NoCapacity:
                await asyncio.sleep(0.1)
            except Unavailable:
                await asyncio.sleep(0.1)
