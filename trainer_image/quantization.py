"""The 4-bit base: how a full one is quantised, and what a stored one says about itself."""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from transformers import BitsAndBytesConfig

from trainer_image.device import compute_dtype
from trainer_image.errors import ModelAccessError


@dataclass(frozen=True)
class Quantization:
    """bitsandbytes' 4 bits. `stored`: the base lies on disk like this; otherwise it is quantised while it is loaded."""

    quant_type: str
    double: bool
    compute_dtype: str
    stored: bool

    def __str__(self) -> str:
        return f"{self.quant_type}{', double quantisation' if self.double else ''}"

    def as_dict(self) -> dict[str, Any]:
        return {"method": "bitsandbytes", "bits": 4, **asdict(self)}


def trained_quantization() -> BitsAndBytesConfig:
    """NF4 with double quantisation (QLoRA, arXiv:2305.14314): 4.1 bits a weight, 70B in 37 GB."""
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=compute_dtype(),
    )


def stored_quantization(base_model: str, config: Any) -> dict[str, Any] | None:
    """What a base's configuration says about how it is stored; None for full weights.

    Raises ModelAccessError for a scheme that adapters are not trained on here.
    """
    stored = getattr(config, "quantization_config", None)
    if stored is None:
        return None
    stored = stored if isinstance(stored, dict) else stored.to_dict()
    if stored.get("quant_method") == "bitsandbytes" and stored.get("load_in_4bit"):
        return stored
    method = stored.get("quant_method") or "an unnamed method"
    bits = " in 8 bits" if stored.get("load_in_8bit") else ""
    raise ModelAccessError(
        f"{base_model} is stored quantised with {method}{bits}. Adapters are trained on full weights, which are "
        "quantised to NF4 while they are loaded, or on bases stored in bitsandbytes' 4 bits.", base_model=base_model)


def loaded_quantization(model: Any, *, stored: bool) -> Quantization:
    """What the 4-bit layers of a loaded model really are, read from the layers themselves."""
    layer = next(module for module in model.modules() if hasattr(getattr(module, "weight", None), "quant_state"))
    return Quantization(
        quant_type=layer.weight.quant_type, double=bool(layer.weight.quant_state.nested),
        compute_dtype=_name(layer.compute_dtype), stored=stored)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
