"""What is decided about RunPod without asking it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.gpus import GpuType
from services.provisioner.adapters.runpod.configuration import Configuration
from services.provisioner.adapters.runpod.documents import Gpu
from services.provisioner.adapters.runpod.errors import BrokenRule, NoBalance, graphql_refusal, refusal_of
from services.provisioner.adapters.runpod.offers import Offer, offers
from services.provisioner.app import provider_of
from services.provisioner.ports import NoCapacity
from services.provisioner.settings import Settings

SXM, PCIE, H200 = "NVIDIA H100 80GB HBM3", "NVIDIA H100 PCIe", "NVIDIA H200"
NEEDED = {"provider": "runpod", "runpod_image": "an/image@sha256:1", "runpod_api_key": "the-key"}


def gpu(card: str, usd: float, availability: str | None = "HIGH", **places: str) -> Gpu:
    return Gpu.model_validate({
        "id": card, "price": {"secure": usd, "community": 0.0}, "availability": availability,
        "dataCenters": [{"id": place.replace("_", "-"), "availability": level} for place, level in places.items()]
        or None})


def configuration(**changes: Any) -> Configuration:
    return Configuration(**{"api_key": "k", "image": "i", "speeds": Settings().runpod_gpu_speeds, **changes})


def cards(found: list[Offer]) -> list[str]:
    return [offer.gpu_id for offer in found]


def test_the_cheapest_token_comes_first_not_the_cheapest_hour() -> None:
    found = offers(configuration(), GpuType.H100_PCIE_80GB, [gpu(PCIE, 2.99), gpu(H200, 4.59), gpu(SXM, 3.49)])
    assert cards(found) == [SXM, PCIE, H200]
    found = offers(configuration(), GpuType.H100_PCIE_80GB, [gpu(PCIE, 1.99), gpu(H200, 4.59), gpu(SXM, 3.49)])
    assert cards(found) == [PCIE, SXM, H200]


@pytest.mark.parametrize(("speeds", "order"), [
    ({SXM: 1.3, PCIE: 1.0, H200: 1.5}, [SXM, PCIE, H200]),
    ({SXM: 1.1, PCIE: 1.0, H200: 1.5}, [PCIE, H200, SXM]),
    ({SXM: 1.1, PCIE: 1.0, H200: 1.6}, [H200, PCIE, SXM]),
])
def test_measured_speeds_decide_beside_the_prices(speeds: dict[str, float], order: list[str]) -> None:
    catalogue = [gpu(PCIE, 2.99), gpu(H200, 4.59), gpu(SXM, 3.49)]
    assert cards(offers(configuration(speeds=speeds), GpuType.H100_PCIE_80GB, catalogue)) == order


def test_sold_out_unpriced_too_dear_and_unknown_cards_are_left_out() -> None:
    catalogue = [gpu(PCIE, 2.99, "NONE"), gpu(SXM, 0.0), gpu(H200, 7.0), gpu("NVIDIA GeForce RTX 4090", 0.5)]
    assert offers(configuration(), GpuType.H100_PCIE_80GB, catalogue) == []


def test_without_a_catalogue_all_that_is_configured_is_tried_in_its_order() -> None:
    found = offers(configuration(data_centers=("US-TX-3",)), GpuType.H100_PCIE_80GB, None)
    assert cards(found) == list(Settings().runpod_gpu_speeds)
    assert {offer.data_centers for offer in found} == {("US-TX-3",)}


def test_only_configured_data_centers_that_have_one_free_are_asked() -> None:
    some = [gpu(SXM, 3.49, US_TX_3="HIGH", EU_RO_1="NONE"), gpu(PCIE, 2.99, EU_RO_1="NONE", US_KS_2="HIGH")]
    found = offers(configuration(data_centers=("EU-RO-1", "US-TX-3")), GpuType.H100_PCIE_80GB, some)
    assert [(offer.gpu_id, offer.data_centers) for offer in found] == [(SXM, ("US-TX-3",))]


def test_machines_beside_a_volume_come_before_all_others() -> None:
    some = [gpu(SXM, 3.49, US_TX_3="HIGH"), gpu(PCIE, 2.99, EU_RO_1="LOW")]
    found = offers(configuration(volumes={"EU-RO-1": "vol"}), GpuType.H100_PCIE_80GB, some)
    assert [(offer.gpu_id, offer.volume_id) for offer in found] == [(PCIE, "vol"), (SXM, None), (PCIE, None)]


@pytest.mark.parametrize("words", [
    "There are no longer any instances available with the requested specifications. Please refresh and try again.",
    "This machine does not have the resources to deploy your pod. Please try a different machine",
    "Not enough free GPUs on the host machine", "no instances available",
])
def test_words_for_no_capacity(words: str) -> None:
    assert isinstance(refusal_of(400, words), NoCapacity)
    assert isinstance(graphql_refusal(words), NoCapacity)


def test_other_words_are_a_broken_rule_or_an_empty_balance() -> None:
    assert isinstance(refusal_of(400, "mounts.persistent and mounts.network are mutually exclusive"), BrokenRule)
    assert isinstance(graphql_refusal("Your account has insufficient balance to rent this pod"), NoBalance)


@pytest.mark.parametrize(("changes", "words"), [
    ({"runpod_image": ""}, "BRIGHTRUN_RUNPOD_IMAGE is empty"),
    ({"runpod_api_key": ""}, "there is no API key"),
    ({"runpod_api_key_file": Path("/nowhere")}, "BRIGHTRUN_RUNPOD_API_KEY_FILE cannot be read"),
    ({"runpod_environment": {"HF_TOKEN": "hf_123"}}, "HF_TOKEN looks like a secret"),
    ({"runpod_gpu_speeds": {PCIE: 0.0}}, "greater than 0"),
])
def test_a_setting_that_cannot_work_is_refused_at_the_start(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words) as refused:
        Settings(**{**NEEDED, **changes})
    assert "the-k" not in str(refused.value)  # a long input is quoted by its ends
    assert "input_value" not in str(refused.value)


def test_a_reference_to_a_secret_is_no_secret() -> None:
    reference = {"HF_TOKEN": "{{ RUNPOD_SECRET_hf_token }}"}
    assert Settings(**NEEDED, runpod_environment=reference).runpod_environment == reference


def test_the_key_comes_from_environment_or_file_and_is_never_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("from-the-file\n")
    monkeypatch.setenv("RUNPOD_API_KEY", "from-the-environment")
    settings = Settings(provider="runpod", runpod_image="i")
    assert settings.runpod_key() == "from-the-environment"
    assert "from-the-environment" not in repr(settings)
    assert Settings(provider="runpod", runpod_image="i", runpod_api_key_file=tmp_path / "key").runpod_key() == (
        "from-the-file")


def test_a_cloud_gets_more_patience_unless_it_is_set() -> None:
    cloud = Settings(**NEEDED, poll_s=7.0)
    assert (cloud.list_lag_s, cloud.call_timeout_s, cloud.poll_s) == (60.0, 60.0, 7.0)
    assert (Settings().list_lag_s, Settings().call_timeout_s, Settings().poll_s) == (10.0, 10.0, 5.0)
    assert cloud.lease_s > cloud.call_timeout_s > cloud.runpod_timeout_s


def test_the_settings_choose_the_provider() -> None:
    assert provider_of(Settings(**NEEDED)).name == "runpod"
    assert provider_of(Settings()).name == "local"


@pytest.mark.parametrize(("look_every_s", "max_age_s"), [(0.5, 0.5), (30.0, 3.0)])
def test_an_end_is_seen_as_often_as_is_looked_whatever_is_remembered_of_the_list(
    look_every_s: float, max_age_s: float
) -> None:
    settings = Settings(provider="runpod", runpod_image="i", runpod_api_key="a-key", runpod_look_every_s=look_every_s)
    assert Configuration.of(settings).list_max_age_s == max_age_s
