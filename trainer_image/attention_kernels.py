"""Two ways to attend within each conversation of a row, and the proof that the quick one may be used.

PyTorch's flash attention over sequences of any length exists on GPUs and in half precision only, came with PyTorch
2.11, and its signature has moved since. Whatever a machine has is compared with the loop, forward and backward, before
the first step.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import torch
from transformers.integrations.sdpa_attention import sdpa_attention_forward

Kernel = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, int, float], torch.Tensor]
# bfloat16 has eight bits of mantissa; a wrong mask, head order or scale is off by whole units.
_TOLERANCE = 0.03


def one_by_one(
    module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, starts: torch.Tensor, **kwargs: Any,
) -> torch.Tensor:
    """SDPA's causal kernel for each conversation of the row: exact on every device and in every precision.

    (1, heads, tokens, width) in, (1, tokens, heads, width) out. `kwargs` are those of transformers' attention.
    """
    parts = [
        sdpa_attention_forward(
            module, query[:, :, start:end], key[:, :, start:end], value[:, :, start:end], None, **kwargs)[0]
        for start, end in pairwise(starts.tolist())
    ]
    return torch.cat(parts, dim=1)


def all_at_once(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, starts: torch.Tensor, longest: int, scaling: float,
) -> torch.Tensor:
    """One launch for the row; shapes as above. Raises ImportError before PyTorch 2.11."""
    from torch.nn.attention.varlen import varlen_attn

    known = inspect.signature(varlen_attn).parameters
    query, key, value = (states.squeeze(0).transpose(0, 1) for states in (query, key, value))
    options: dict[str, Any] = {}
    if "window_size" in known:
        options["window_size"] = (-1, 0)  # all tokens to the left, none to the right: causal
    else:
        options["is_causal"] = True
    if "scale" in known:
        options["scale"] = scaling
    else:
        query = query * (scaling * query.shape[-1] ** 0.5)
    if "enable_gqa" in known:
        options["enable_gqa"] = query.shape[1] != key.shape[1]
    else:
        key, value = (states.repeat_interleave(query.shape[1] // key.shape[1], dim=1) for states in (key, value))
    attended = varlen_attn(query, key, value, starts, starts, longest, longest, **options)
    assert isinstance(attended, torch.Tensor)
    return attended.unsqueeze(0)


@dataclass(frozen=True)
class Shape:
    """What the model's attention looks like."""

    heads: int
    key_value_heads: int
    width: int

    @classmethod
    def of(cls, config: Any) -> "Shape":
        heads = config.num_attention_heads
        return cls(heads, getattr(config, "num_key_value_heads", heads),
                   getattr(config, "head_dim", None) or config.hidden_size // heads)


def fault(kernel: Kernel, shape: Shape, device: torch.device, dtype: torch.dtype = torch.bfloat16) -> str | None:
    """Why the kernel cannot be used here; None when it gives what the loop gives, forward and backward.

    Three conversations of 64, 1 and 191 random tokens, from a generator of its own.
    """
    try:
        worst = max(_differences(kernel, shape, device, dtype))
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return None if worst < _TOLERANCE else f"it differs from the loop by {worst:.2g} of the largest value"


def _differences(kernel: Kernel, shape: Shape, device: torch.device, dtype: torch.dtype) -> list[float]:
    starts = torch.tensor([0, 64, 65, 256], dtype=torch.int32, device=device)
    generator = torch.Generator().manual_seed(0)
    query, key, value = states = [
        torch.randn(1, heads, 256, shape.width, generator=generator).to(device, dtype).requires_grad_()
        for heads in (shape.heads, shape.key_value_heads, shape.key_value_heads)]
    weight = torch.randn(1, 256, shape.heads, shape.width, generator=generator).to(device, dtype)
    scaling = shape.width ** -0.5
    module = SimpleNamespace(num_key_value_groups=shape.heads // shape.key_value_heads, is_causal=True)
    found = kernel(query, key, value, starts, 191, scaling)
    wanted = one_by_one(module, query, key, value, starts, scaling=scaling, dropout=0.0)
    gradients = [torch.autograd.grad((attended * weight).sum(), states) for attended in (found, wanted)]
    pairs = [(found, wanted), *zip(*gradients, strict=True)]
    return [float((one - other).detach().abs().max() / other.detach().abs().max()) for one, other in pairs]
