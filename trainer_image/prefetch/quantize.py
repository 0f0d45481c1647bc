"""Full weights as NF4 with double quantisation, file by file, in the form that transformers stores them in."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from bitsandbytes.functional import quantize_4bit
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

from trainer_image.device import on_gpu
from trainer_image.quantization import trained_quantization


def quantized_names(folder: Path) -> frozenset[str]:
    """Names of the weights that are trained on in 4 bits: every linear layer but the head, as when a full model is
    quantised while it is loaded. The model is made of shapes only."""
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder, local_files_only=True))
    head = model.get_output_embeddings()
    return frozenset(f"{name}.weight" for name, module in model.named_modules()
                     if isinstance(module, torch.nn.Linear) and module is not head)


def quantize_file(source: Path, target: Path, quantized: frozenset[str]) -> list[str]:
    """Writes `target` and returns the names of its tensors. One weight at a time is held in full."""
    tensors = dict(_tensors(source, quantized))
    save_file(tensors, target, metadata={"format": "pt"})
    target.chmod(0o644)  # written for its owner alone; the pods that read the volume are other users
    return list(tensors)


def _tensors(source: Path, quantized: frozenset[str]) -> Iterator[tuple[str, torch.Tensor]]:
    with safe_open(source, framework="pt") as weights:
        for name in weights.keys():  # noqa: SIM118  not a dict
            weight = weights.get_tensor(name)
            if name in quantized:
                yield from _in_four_bits(name, weight)
            else:
                yield name, weight


def _in_four_bits(name: str, weight: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    settings = trained_quantization()
    packed, state = quantize_4bit(
        weight.to("cuda" if on_gpu() else "cpu"), quant_type=settings.bnb_4bit_quant_type,
        compress_statistics=settings.bnb_4bit_use_double_quant)
    yield name, packed.cpu()
    for part, values in state.as_dict(packed=True).items():
        yield f"{name}.{part}", values.cpu().contiguous()


def describe_quantization(folder: Path) -> None:
    """Has config.json say how the weights are stored. Compute is bfloat16: that is what the card trains in."""
    path = folder / "config.json"
    settings: dict[str, Any] = trained_quantization().to_dict() | {"bnb_4bit_compute_dtype": "bfloat16"}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"quantization_config": settings}, indent=2) + "\n")
