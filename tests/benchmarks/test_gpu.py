"""The GPU benchmark in miniature: every part of it runs, and what it reports is of use."""

import json
from pathlib import Path

import pytest

from benchmarks.gpu.shape import LLAMA_70B, TOY, conversations


def test_the_shape_is_that_of_llama_3_70b() -> None:
    """70.55e9 weights, of which the embedding is no matrix product; 6 operations a trained token for the others."""
    assert LLAMA_70B.block_parameters * 80 == pytest.approx(68.45e9, rel=0.001)
    assert LLAMA_70B.trained_flops_per_token == pytest.approx(417e9, rel=0.01)


def test_conversations_are_as_long_as_the_products() -> None:
    data = conversations(242, LLAMA_70B)
    lengths = [len(sample.input_ids) for sample in data.samples]
    assert len(lengths) == 242
    assert sum(lengths) / len(lengths) == pytest.approx(2460, rel=0.05)
    learnt = sum(sample.learnt_tokens for sample in data.samples) / sum(lengths)
    assert learnt == pytest.approx(0.45, abs=0.01)


def test_weights_are_random_and_in_4_bits() -> None:
    import bitsandbytes
    import torch

    from benchmarks.gpu.shape import build

    model = build(TOY, double=False)
    layers = [module for module in model.modules() if isinstance(module, bitsandbytes.nn.Linear4bit)]
    assert len(layers) == 2 * 7
    assert not any(parameter.is_meta for parameter in model.parameters())
    assert all(layer.weight.quant_type == "nf4" and not layer.weight.quant_state.nested for layer in layers)
    weight = bitsandbytes.functional.dequantize_4bit(layers[0].weight.data, layers[0].weight.quant_state)
    assert weight.shape == (64, 64)
    assert 0.015 < float(weight.float().std()) < 0.025
    with torch.no_grad():
        assert model(input_ids=torch.arange(8)[None]).logits.isfinite().all()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_both_calls_run_at_toy_size(tmp_path: Path) -> None:
    from benchmarks.gpu.__main__ import main

    path = tmp_path / "toy.json"
    main(["--toy", "--json", str(path)])
    figures = json.loads(path.read_text())
    assert figures["toy"] is True, "which keeps it from being taken as a prior"
    assert figures["parity_worst_relative"] < 1e-3
    padded, free = (figures["arms"][f"2 layers: {name}"] for name in ("balanced, padded", "balanced"))
    assert padded["padding"] > 0.02
    assert free["padding"] == 0
    assert all(arm["useful_tokens_per_second"] > 0 for arm in figures["arms"].values())
    assert figures["useful_tokens_per_second"]["balanced"] > 0
    assert figures["snapshot_r16"]["kept_buffers_s"] > 0
    assert figures["generation_tokens_per_second"] > 0
    assert figures["longest"] == {"tokens_at_once": 16_384, "tokens": 512}
    assert figures["versions"]["torch"]
