"""Measuring a device that works beside the program: every figure is taken when the work is done."""

import time
from collections.abc import Callable
from statistics import median, quantiles
from typing import Any

import torch
from transformers import TrainerCallback

from trainer_image.device import on_gpu


def now() -> float:
    if on_gpu():
        torch.cuda.synchronize()
    return time.perf_counter()


def seconds(work: Callable[[], Any]) -> float:
    began = now()
    work()
    return now() - began


class Stopwatch(TrainerCallback):
    """Times `timed` steps after `warm` ones and ends the run. The forward passes are timed by hooks on the model."""

    def __init__(self, trainer: Any, warm: int, timed: int) -> None:
        self._trainer, self._warm, self._timed = trainer, warm, timed
        self.steps: list[dict[str, float]] = []
        self._forward, self._began, self._computed, self._entered = 0.0, 0.0, 0.0, 0.0
        self._tokens, self._padded = 0, 0
        trainer.model.register_forward_pre_hook(self._enter, with_kwargs=True)
        trainer.model.register_forward_hook(self._leave)

    def _enter(self, module: Any, args: Any, kwargs: Any) -> None:
        ids, mask = kwargs["input_ids"], kwargs.get("attention_mask")
        self._padded += ids.numel()
        self._tokens += ids.numel() if mask is None else int(mask.sum())
        self._entered = now()

    def _leave(self, *_: Any) -> None:
        self._forward += now() - self._entered

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._forward, self._tokens, self._padded, self._began = 0.0, 0, 0, now()
        if on_gpu() and len(self.steps) == self._warm:
            torch.cuda.reset_peak_memory_stats()

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._computed = now()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        ended = now()
        self.steps.append({
            "seconds": ended - self._began, "forward_s": self._forward,
            "backward_s": self._computed - self._began - self._forward, "optimizer_s": ended - self._computed,
            "tokens": self._tokens, "tokens_with_padding": self._padded})
        control.should_training_stop = len(self.steps) == self._warm + self._timed

    @property
    def timed(self) -> list[dict[str, float]]:
        return self.steps[self._warm:]


def summary(steps: list[dict[str, float]], flops_per_token: float, peak_flops: float | None) -> dict[str, Any]:
    """Useful tokens/s over all timed steps, and where the time went. `peak_flops`: the card's, dense bfloat16."""
    total = {name: sum(step[name] for step in steps) for name in steps[0]}
    speed = total["tokens"] / total["seconds"]
    each = [step["seconds"] for step in steps]
    return {
        "steps": len(steps), "useful_tokens_per_second": speed,
        "computed_tokens_per_second": total["tokens_with_padding"] / total["seconds"],
        "padding": 1 - total["tokens"] / total["tokens_with_padding"],
        "step_median_s": median(each), "step_p95_s": quantiles(each, n=20)[-1] if len(each) > 1 else each[0],
        **{f"{part}_share": total[f"{part}_s"] / total["seconds"] for part in ("forward", "backward", "optimizer")},
        "model_flops_utilisation": speed * flops_per_token / peak_flops if peak_flops else None, **memory(),
    }


def memory() -> dict[str, float]:
    """GiB since the first timed step; nothing on a CPU."""
    if not on_gpu():
        return {}
    return {"allocated_peak_gib": torch.cuda.max_memory_allocated() / 2**30,
            "reserved_peak_gib": torch.cuda.max_memory_reserved() / 2**30}


MATRIX = ("gemm", "cutlass", "cublas", "nvjet", "flash", "fmha", "xmma")
# Memory of an H200 is 1.43 times as quick as an H100 SXM's; their matrix units are the same.
H200_TO_H100_MEMORY = 1.43


def kernel_seconds(work: Callable[[], Any]) -> dict[str, float]:
    """Device time in matrix products and in everything else, which memory bounds; and what an H100 SXM would take when
    this is an H200. Empty on a CPU."""
    if not on_gpu():
        return {}
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        work()
        torch.cuda.synchronize()
    split = {"matrix_s": 0.0, "memory_bound_s": 0.0}
    for event in profile.key_averages():
        kind = "matrix_s" if any(word in event.key.lower() for word in MATRIX) else "memory_bound_s"
        split[kind] += event.self_device_time_total / 1e6
    return {**split, "as_h100_sxm_s": split["matrix_s"] + H200_TO_H100_MEMORY * split["memory_bound_s"]}
