"""The memory of a run before it starts: known points, what is refused, and what would fit instead."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.gpus import GpuType
from contracts.hyperparameters import Hyperparameters
from contracts.local_base_model import SHIPPED_BASE_MODEL
from contracts.model_memory import CARD_MEMORY, GIB, ModelShape, Run, fit, known_shape, memory_need
from contracts.presets import PRESETS

H100 = GpuType.H100_PCIE_80GB
LLAMA_70B = known_shape("meta-llama/Meta-Llama-3-70B-Instruct")
LLAMA_3_70B = known_shape("meta-llama/Llama-3.3-70B-Instruct@6f6073b")
LLAMA_405B = known_shape("meta-llama/Llama-3.1-405B-Instruct")
BALANCED = PRESETS["balanced"].hyperparameters


def values(**changes) -> Hyperparameters:
    return Hyperparameters.model_validate(BALANCED.model_dump() | changes)


def on_h100(shape: ModelShape, longest: int = 0, **changes):
    return fit(Run(shape, values(**changes), longest), H100, CARD_MEMORY[H100])


def test_the_parameters_of_a_70b_model_are_those_of_the_card() -> None:
    assert LLAMA_70B.block_parameters == 68_451_041_280
    assert LLAMA_70B.embedding_parameters == 2 * 1_050_673_152
    assert known_shape("meta-llama/Meta-Llama-3-8B-Instruct").block_parameters == 6_979_321_856


@pytest.mark.parametrize(("rank", "millions"), [(8, 103.5), (16, 207.1), (32, 414.2)])
def test_adapters_have_the_size_of_real_ones(rank: int, millions: float) -> None:
    parameters = LLAMA_70B.adapter_parameters(rank, BALANCED.target_modules)
    assert parameters / 1e6 == pytest.approx(millions, abs=0.05)
    assert LLAMA_70B.adapter_parameters(16, ("q_proj", "v_proj")) == 32_768_000


def test_the_base_and_the_boundaries_are_those_of_the_arithmetic() -> None:
    need = memory_need(LLAMA_70B, values(lora_rank=16), 16_384)
    assert need.base_model / GIB == pytest.approx(36.8, abs=0.05)
    assert need.adapter / GIB == pytest.approx(3.09, abs=0.01)
    # Of what a token takes, 80 boundaries of 8,192 numbers in 16 bits are 1.25 MiB.
    assert need.per_token > 1.25 * 1024**2
    assert need.total == need.base_model + need.adapter + need.fixed + 16_384 * need.per_token


@pytest.mark.parametrize(("rank", "longest", "fits"), [
    (8, 16_384, True), (16, 16_384, True), (32, 12_288, True), (32, 16_384, False), (16, 32_768, False),
    (64, 8_192, True), (128, 4_096, True), (256, 128, False)])
def test_what_fits_80_gb(rank: int, longest: int, fits: bool) -> None:
    assert on_h100(LLAMA_3_70B, longest, lora_rank=rank, max_seq_length=32_768).fits is fits


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_fits_the_card_it_was_made_for(preset: str) -> None:
    found = fit(Run(LLAMA_70B, PRESETS[preset].hyperparameters), H100, CARD_MEMORY[H100])
    assert found.fits
    assert found.alternatives == ()
    assert found.tokens_at_once > 8_192


def test_one_longest_conversation_is_what_must_fit() -> None:
    short = on_h100(LLAMA_3_70B, 1_000, max_seq_length=32_768)
    assert (short.need.tokens, short.fits) == (1_000, True)
    assert on_h100(LLAMA_3_70B, 100_000, max_seq_length=4_096).need.tokens == 4_096, "the rest is cut off"
    assert on_h100(LLAMA_70B, 100_000, max_seq_length=32_768).need.tokens == 8_192, "the model reads no more"
    assert on_h100(LLAMA_3_70B, 0, max_seq_length=4_096).need.tokens == 4_096, "unknown: the worst"


def test_the_token_budget_is_what_the_memory_allows() -> None:
    assert on_h100(LLAMA_3_70B, 2_000, lora_rank=16).tokens_at_once == 16_384
    assert 14_000 < on_h100(LLAMA_3_70B, 2_000, lora_rank=32).tokens_at_once < 16_384


def test_what_does_not_fit_says_what_would() -> None:
    long = on_h100(LLAMA_3_70B, 30_000, lora_rank=32, max_seq_length=32_768)
    assert [(way.field, way.value) for way in long.alternatives] == [("max_seq_length", 15_360)]
    large = on_h100(LLAMA_3_70B, 4_096, lora_rank=256)
    assert [(way.field, way.value) for way in large.alternatives] == [("lora_rank", 128)]
    assert on_h100(LLAMA_405B, 128).alternatives == ()


@settings(deadline=None)  # no time is asserted on a machine that others use
@given(st.integers(1, 256), st.integers(0, 40_000), st.integers(128, 32_768))
def test_each_alternative_really_fits(rank: int, longest: int, length: int) -> None:
    found = on_h100(LLAMA_3_70B, longest, lora_rank=rank, max_seq_length=length)
    for way in found.alternatives:
        changed = {"lora_rank": rank, "max_seq_length": length, way.field: way.value}
        again = on_h100(LLAMA_3_70B, longest, **changed)
        assert again.fits
        assert again.need.total == way.needed <= found.available
    assert found.fits or not found.need.total <= found.available
    if found.fits:
        assert found.need.tokens <= found.tokens_at_once


def test_another_card_is_named_where_one_suffices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CARD_MEMORY, GpuType.LOCAL, 24 * GIB)
    found = fit(Run(LLAMA_70B, values(), 4_096), GpuType.LOCAL, 24 * GIB)
    assert [(way.field, way.value) for way in found.alternatives] == [("gpu_type", "h100_pcie_80gb")]


def test_the_shipped_model_fits_anywhere() -> None:
    shape = ModelShape.from_config(json.loads((SHIPPED_BASE_MODEL / "config.json").read_text()))
    assert (shape.layers, shape.hidden, shape.attention, shape.key_value, shape.tied) == (3, 192, 192, 64, True)
    found = fit(Run(shape, values()), GpuType.LOCAL, 4 * GIB)
    assert found.fits
    assert found.need.total < 2 * GIB


@pytest.mark.parametrize("config", [{}, {"num_attention_heads": 0, "hidden_size": 8}, {
    "num_attention_heads": 4, "hidden_size": 8, "num_hidden_layers": -1, "intermediate_size": 8, "vocab_size": 8}])
def test_a_configuration_of_another_kind_is_no_shape(config) -> None:
    with pytest.raises((KeyError, ZeroDivisionError, ValueError)):
        ModelShape.from_config(config)
