"""The device of this process and the precision it computes in."""

import torch


def on_gpu() -> bool:
    return torch.cuda.is_available()


def compute_dtype() -> torch.dtype:
    """bfloat16 on a GPU; float32 on a CPU, where bfloat16 is emulated on most machines and several times slower."""
    return torch.bfloat16 if on_gpu() else torch.float32
