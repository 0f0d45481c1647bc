"""Attention by conversation: its mask, the call of the GPU's kernel, and the check before that is trusted."""

import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn.attention import varlen

from trainer_image import attention, attention_kernels
from trainer_image.attention_kernels import Shape, all_at_once, fault, one_by_one
from trainer_image.hub import find_base_model
from trainer_image.model import load_base_model

CPU = torch.device("cpu")
LLAMA_70B = Shape(heads=64, key_value_heads=8, width=128)


def test_padded_batches_and_generation_still_have_their_mask(base_model: Path) -> None:
    """A name without a mask function would lose the mask silently."""
    model = load_base_model(find_base_model(str(base_model))).model.eval()
    ids = torch.arange(20, 40)[None]
    padded = torch.cat([torch.full((1, 6), 5), ids], dim=1)
    mask = torch.cat([torch.zeros(1, 6, dtype=torch.long), torch.ones_like(ids)], dim=1)
    with torch.no_grad():
        alone = model(ids, use_cache=False).logits
        masked = model(padded, attention_mask=mask, use_cache=False).logits[:, 6:]
    torch.testing.assert_close(masked, alone, rtol=1e-4, atol=1e-5)
    short = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=8, do_sample=False)
    long = model.generate(padded, attention_mask=mask, max_new_tokens=8, do_sample=False)
    assert short[0, -8:].tolist() == long[0, -8:].tolist()


def documented(query: Any, key: Any, value: Any, cu_seq_q: Any, cu_seq_k: Any, max_q: int, max_k: int, *,
               scale: float, window_size: tuple[int, int], enable_gqa: bool) -> Any:
    """What PyTorch 2.13 documents for `varlen_attn`, (tokens, heads, width), computed by hand."""
    assert window_size == (-1, 0)
    assert enable_gqa == (query.shape[1] != key.shape[1])
    return by_hand(query, key, value, cu_seq_q, max_q, scale)


def older(query: Any, key: Any, value: Any, cu_seq_q: Any, cu_seq_k: Any, max_q: int, max_k: int,
          is_causal: bool = False) -> Any:
    """The first signature: no scale, no groups of heads, causal as a flag."""
    assert is_causal
    assert query.shape == key.shape
    return by_hand(query, key, value, cu_seq_q, max_q, query.shape[-1] ** -0.5)


def by_hand(query: Any, key: Any, value: Any, starts: Any, longest: int, scale: float, causal: bool = True) -> Any:
    assert longest == int(starts.diff().max())
    groups = query.shape[1] // key.shape[1]
    key, value = (states.repeat_interleave(groups, dim=1) for states in (key, value))
    parts = []
    for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        scores = torch.einsum("qhd,khd->hqk", query[start:end], key[start:end]) * scale
        future = torch.ones(end - start, end - start).triu(1).bool() & torch.tensor(causal)
        weights = scores.masked_fill(future, -torch.inf).softmax(-1)
        parts.append(torch.einsum("hqk,khd->qhd", weights, value[start:end]))
    return torch.cat(parts)


@pytest.mark.parametrize("kernel", [documented, older])
def test_the_call_of_the_kernel_means_the_same_as_the_loop(monkeypatch: pytest.MonkeyPatch, kernel: Any) -> None:
    """Layout, head order and scale of the call, against kernels written from PyTorch's documentation."""
    monkeypatch.setattr(varlen, "varlen_attn", kernel)
    query, key, value = (torch.randn(1, 24, heads, 16).transpose(1, 2) for heads in (8, 2, 2))
    starts = torch.tensor([0, 5, 6, 24], dtype=torch.int32)
    loop = one_by_one(SimpleNamespace(num_key_value_groups=4, is_causal=True), query, key, value, starts,
                      scaling=0.3, dropout=0.0)
    torch.testing.assert_close(all_at_once(query, key, value, starts, 18, 0.3), loop)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_kernel_that_agrees_is_taken(monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype) -> None:
    monkeypatch.setattr(varlen, "varlen_attn", documented)
    assert fault(all_at_once, Shape(8, 2, 16), CPU, dtype) is None


@pytest.mark.parametrize("wrong", [
    {"causal": False}, {"scale": 1.0}, {"starts": torch.tensor([0, 256], dtype=torch.int32), "longest": 256}])
def test_a_kernel_that_differs_is_not(monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any]) -> None:
    """It looks ahead, scales otherwise, or sees other conversations."""
    def kernel(query: Any, key: Any, value: Any, starts: Any, *rest: Any, scale: float, **_: Any) -> Any:
        return by_hand(query, key, value, **{"starts": starts, "longest": rest[1], "scale": scale, **wrong})

    monkeypatch.setattr(varlen, "varlen_attn", kernel_with_signature(kernel))
    assert "differs from the loop" in (fault(all_at_once, Shape(8, 2, 16), CPU) or "")


def kernel_with_signature(kernel: Any) -> Any:
    kernel.__signature__ = inspect.signature(documented)
    return kernel


def test_a_wrong_gradient_is_found_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def kernel(query: Any, key: Any, *rest: Any, **options: Any) -> Any:
        return documented(query, key.detach() + 0 * key, *rest, **options)

    monkeypatch.setattr(varlen, "varlen_attn", kernel_with_signature(kernel))
    assert "differs from the loop" in (fault(all_at_once, Shape(8, 2, 16), CPU) or "")


def test_a_machine_without_the_kernel_says_so() -> None:
    """PyTorch has none for CPUs; a GPU that is too old answers in the same way."""
    assert fault(all_at_once, Shape(8, 2, 16), CPU) is not None


@pytest.mark.parametrize(("reason", "taken"), [(None, True), ("no kernel image", False)])
def test_the_kernel_of_a_gpu_serves_only_when_it_agrees(
    monkeypatch: pytest.MonkeyPatch, reason: str | None, taken: bool
) -> None:
    asked: list[Shape] = []
    monkeypatch.setattr(attention, "on_gpu", lambda: True)
    monkeypatch.setattr(attention, "fault", lambda kernel, shape, device: asked.append(shape) or reason)
    try:
        config = SimpleNamespace(num_attention_heads=64, num_key_value_heads=8, head_dim=128, hidden_size=8192)
        assert attention.take_kernel(config) == reason
        assert (attention.ATTENTION.kernel is attention_kernels.all_at_once) is taken
    finally:
        attention.ATTENTION.kernel = None
    assert asked == [LLAMA_70B]


def test_half_precision_takes_the_kernel_and_full_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[torch.dtype] = []

    def kernel(query: Any, *rest: Any) -> Any:
        calls.append(query.dtype)
        return query.transpose(1, 2)

    monkeypatch.setattr(attention.ATTENTION, "kernel", kernel)
    module = SimpleNamespace(num_key_value_groups=1, is_causal=True)
    for dtype in (torch.float32, torch.bfloat16):
        states = [torch.zeros(1, 2, 6, 8, dtype=dtype)] * 3
        attention.ATTENTION.attend(module, *states, None, scaling=1.0, dropout=0.0, max_length_q=4,  # type: ignore[arg-type]
                                   cu_seq_lens_q=torch.tensor([0, 2, 6], dtype=torch.int32))
    assert calls == [torch.bfloat16]


def test_the_kernel_has_shapes_and_gradients_for_this_call() -> None:
    """The installed PyTorch's own shape functions, forward and backward, on tensors without data."""
    tensors = [torch.empty(1, 24, heads, 128, device="meta", dtype=torch.bfloat16).transpose(1, 2).requires_grad_()
               for heads in (64, 8, 8)]
    out = all_at_once(*tensors, torch.empty(4, device="meta", dtype=torch.int32), 18, 0.1)
    assert out.shape == (1, 24, 64, 128)
    out.sum().backward()
    assert [tensor.grad.shape for tensor in tensors] == [tensor.shape for tensor in tensors]  # type: ignore[union-attr]
