"""Attention within each conversation, where several lie end to end in one row without padding.

Importing this module makes `IMPLEMENTATION` known to transformers, with its mask: a name without a mask function
silently has no mask at all. A row of several conversations comes with `cu_seq_lens_q`, where each begins, and no mask;
everything else (evaluation, generation) takes transformers' SDPA.
"""

from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from trainer_image.attention_kernels import Kernel, Shape, all_at_once, fault, one_by_one
from trainer_image.device import on_gpu

IMPLEMENTATION = "by_conversation"
_HALF = (torch.bfloat16, torch.float16)


class ByConversation:
    """`kernel`: one launch for all conversations of a row, where it has proven itself; otherwise a loop over them."""

    def __init__(self) -> None:
        self.kernel: Kernel | None = None

    def attend(
        self, module: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
        attention_mask: torch.Tensor | None, *, cu_seq_lens_q: torch.Tensor | None = None,
        max_length_q: int | None = None, **kwargs: Any,
    ) -> tuple[torch.Tensor, None]:
        """(1, heads, tokens, width) in, (1, tokens, heads, width) out."""
        if cu_seq_lens_q is None:
            return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
        if self.kernel is None or max_length_q is None or query.dtype not in _HALF:
            return one_by_one(module, query, key, value, cu_seq_lens_q, **kwargs), None
        return self.kernel(query, key, value, cu_seq_lens_q, max_length_q, kwargs["scaling"]), None


def mask(
    *args: Any, q_length: int, kv_length: int, attention_mask: torch.Tensor | None = None, **kwargs: Any
) -> torch.Tensor | None:
    """SDPA's mask, but none over a whole row: its (tokens x tokens) booleans are what `attend` does without."""
    if attention_mask is None and q_length == kv_length:
        return None
    masked: torch.Tensor | None = sdpa_mask(
        *args, q_length=q_length, kv_length=kv_length, attention_mask=attention_mask, **kwargs)
    return masked


ATTENTION = ByConversation()


def take_kernel(config: Any) -> str | None:
    """Use the kernel for a model of this configuration if the GPU has one that agrees with the loop.

    Returns why it is not used; None where it is, and on a CPU, for which there is none.
    """
    ATTENTION.kernel = None
    if not on_gpu():
        return None
    reason = fault(all_at_once, Shape.of(config), torch.device("cuda", 0))
    ATTENTION.kernel = all_at_once if reason is None else None
    return reason


AttentionInterface.register(IMPLEMENTATION, ATTENTION.attend)
AttentionMaskInterface.register(IMPLEMENTATION, mask)
