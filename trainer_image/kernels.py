"""One switch for faster operations that no GPU has measured yet: off until one has."""

from types import MethodType
from typing import Any

import torch

from trainer_image.environment import Kernels


def apply_kernels(model: Any, kernels: Kernels) -> None:
    """`fused_lora`: adapters added inside their layer's operation. `fused`: and norms in one kernel instead of six."""
    if kernels == "reference":
        return
    from trainer_image.fused_lora import fuse

    fuse(model)
    if kernels == "fused":
        fuse_norms(model)


def fuse_norms(model: Any) -> int:
    """Returns how many. PyTorch's own operation, which computes in float32 as transformers' does."""
    norms = [module for module in model.modules() if type(module).__name__ == "LlamaRMSNorm"]
    for norm in norms:
        norm.forward = MethodType(_rms_norm, norm)
    return len(norms)


def _rms_norm(norm: Any, states: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.rms_norm(states, norm.weight.shape, norm.weight, norm.variance_epsilon)
