"""A frozen 4-bit layer and its adapter as one operation, forward and backward.

PEFT clones the base's result, and multiplies and adds the adapter's, each a pass over (tokens x width) in memory; the
gradients of both meet in another. Here the adapter is added into the base's result by its own matrix product, in both
directions. The values are PEFT's but for the order of two roundings.
"""

from types import MethodType
from typing import Any

import torch
from bitsandbytes.functional import dequantize_4bit
from peft.tuners.lora.bnb import Linear4bit


class _FusedLora(torch.autograd.Function):
    """y = x W^T + scaling * dropout(x) A^T B^T, with W frozen. `mask` and `keep`: dropout's, None without it."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, x: torch.Tensor, a: torch.Tensor, b: torch.Tensor, base: Any, scaling: float, p: float,
    ) -> torch.Tensor:
        y: torch.Tensor = base(x)
        rows = x.reshape(-1, x.shape[-1])
        dropped, mask = torch.native_dropout(rows, p, True) if p else (rows, None)
        low = dropped @ a.to(x.dtype).t()
        y.view(-1, y.shape[-1]).addmm_(low, b.to(x.dtype).t(), alpha=scaling)
        ctx.save_for_backward(dropped, low, a, b, mask)
        ctx.base, ctx.scaling, ctx.keep = base, scaling, 1 - p
        return y

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:  # type: ignore[override]
        dropped, low, a, b, mask = ctx.saved_tensors
        rows = gradient.reshape(-1, gradient.shape[-1])
        back = (rows @ b.to(rows.dtype)) * ctx.scaling
        grad_a, grad_b = back.t() @ dropped, (rows.t() @ low) * ctx.scaling
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = rows @ dequantize_4bit(ctx.base.weight.data, ctx.base.weight.quant_state).to(rows.dtype)
            if mask is None:
                grad_x.addmm_(back, a.to(rows.dtype))
            else:
                grad_x.add_((back @ a.to(rows.dtype)).mul_(mask), alpha=1 / ctx.keep)
            grad_x = grad_x.view(*gradient.shape[:-1], grad_x.shape[-1])
        return grad_x, grad_a.to(a.dtype), grad_b.to(b.dtype), None, None, None


def fuse(model: Any) -> int:
    """Give every 4-bit layer with a plain adapter the fused forward; returns how many. Everything PEFT can do beside
    that (adapters off, merged, of other kinds) stays PEFT's."""
    layers = [module for module in model.modules() if isinstance(module, Linear4bit) and _plain(module)]
    for layer in layers:
        layer.forward = MethodType(_forward, layer)
    return len(layers)


def _plain(layer: Any) -> bool:
    (name,) = layer.active_adapters if len(layer.active_adapters) == 1 else (None,)
    return name in layer.lora_A and not layer.lora_variant and layer.lora_A[name].bias is None \
        and layer.lora_B[name].bias is None and layer.base_layer.bias is None


def _forward(layer: Any, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
    if layer.disable_adapters or layer.merged or args or kwargs:
        whole: torch.Tensor = Linear4bit.forward(layer, x, *args, **kwargs)
        return whole
    name = layer.active_adapters[0]
    p = getattr(layer.lora_dropout[name], "p", 0.0) if layer.training else 0.0
    fused: torch.Tensor = _FusedLora.apply(
        x, layer.lora_A[name].weight, layer.lora_B[name].weight, layer.base_layer, layer.scaling[name], p)
    return fused
