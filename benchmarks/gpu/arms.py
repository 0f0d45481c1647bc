"""What is compared: the production trainer, and it with one thing changed."""

import gc
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from benchmarks.gpu.measure import Stopwatch, seconds, summary
from benchmarks.gpu.shape import Shape
from benchmarks.padded import Padded
from contracts.hyperparameters import HyperparameterOverrides
from contracts.pod_environment import TOKENS_AT_ONCE
from contracts.presets import resolve
from trainer_image.data import TrainingData
from trainer_image.device import on_gpu
from trainer_image.environment import Kernels
from trainer_image.lora_trainer import LoraTrainer


@dataclass(frozen=True)
class Arm:
    """`kernels`: see trainer_image/kernels.py. `dropout`: None for the preset's. `double`: the base's quantisation."""

    name: str
    preset: str = "balanced"
    padded: bool = False
    dropout: float | None = None
    kernels: Kernels = "reference"
    double: bool = True
    tokens_at_once: int = TOKENS_AT_ONCE


AS_IT_IS = Arm("balanced")
FIRST_CALL = (
    AS_IT_IS, Arm("balanced, padded", padded=True), Arm("conservative", "conservative"),
    Arm("conservative, padded", "conservative", padded=True), Arm("aggressive", "aggressive"),
    Arm("aggressive, padded", "aggressive", padded=True), Arm("no dropout", dropout=0.0),
    Arm("fused LoRA", kernels="fused_lora"), Arm("fused LoRA, no dropout", kernels="fused_lora", dropout=0.0),
    Arm("fused LoRA and norms, no dropout", kernels="fused", dropout=0.0),
    Arm("budget of 4,096 tokens", tokens_at_once=4096), Arm("single quantisation", double=False),
)
TOY_ARMS = ("balanced", "balanced, padded", "fused LoRA and norms, no dropout", "single quantisation")
# The candidates for the best: taken when faster than AS_IT_IS in the first call.
SECOND_CALL = (AS_IT_IS, Arm("fused LoRA and norms, no dropout", kernels="fused", dropout=0.0))


class NoCheckpoints:
    """The object store's stub: nothing is saved, nothing is in flight."""

    def finish(self) -> bool:
        return True


def trainer_of(arm: Arm, base: Any, tokenizer: Any, data: TrainingData) -> Any:
    parameters = resolve(arm.preset, HyperparameterOverrides(lora_dropout=arm.dropout))
    folder = Path(tempfile.mkdtemp(prefix="gpu-benchmark-"))
    cls = Padded if arm.padded else LoraTrainer
    trainer: Any = cls(
        base, tokenizer, replace(data, held_out=()), parameters, folder, metrics=SimpleNamespace(rows=list),  # type: ignore[arg-type]
        checkpoints=NoCheckpoints(), recipe={}, evaluate_first=False, kernels=arm.kernels,  # type: ignore[arg-type]
        tokens_at_once=arm.tokens_at_once)
    return trainer


def run(arm: Arm, base: Any, tokenizer: Any, data: TrainingData, *, warm: int, timed: int) -> tuple[Any, Stopwatch]:
    """The trainer after its steps, and what they took."""
    trainer = trainer_of(arm, base, tokenizer, data)
    watch = Stopwatch(trainer, warm, timed)
    trainer.add_callback(watch)
    trainer.train()
    return trainer, watch


def restore(trainer: Any) -> Any:
    """The base without the adapter, for the next arm, in the attention it had."""
    from trainer_image.attention import IMPLEMENTATION

    base = trainer.model.unload()
    for module in base.modules():
        module.__dict__.pop("forward", None) if type(module).__name__ == "LlamaRMSNorm" else None
    base.forward = type(base).forward.__get__(base)  # TRL's head is put around it again
    base.set_attn_implementation(IMPLEMENTATION)
    trainer.optimizer = trainer.model = trainer.model_wrapped = None
    gc.collect()
    if on_gpu():
        torch.cuda.empty_cache()
    return base


def parity(base: Any, tokenizer: Any, data: TrainingData) -> float:
    """Worst relative difference of loss and gradient norm over two steps, padded against padding-free, float32."""
    found = []
    for padded in (True, False):
        trainer = trainer_of(Arm("parity", padded=padded, dropout=0.0), base, tokenizer, data)
        trainer.accelerator.native_amp = False
        watch = Stopwatch(trainer, 0, 2)
        trainer.add_callback(watch)
        trainer.train()
        found.append([value for row in trainer.state.log_history if "grad_norm" in row
                      for value in (row["loss"], row["grad_norm"])])
        base = restore(trainer)
    return max(abs(one - other) / abs(other) for one, other in zip(*found, strict=True))


def result(steps: list[dict[str, float]], shape: Shape, peak_flops: float | None) -> dict[str, Any]:
    return summary(steps, shape.trained_flops_per_token, peak_flops)


def snapshot_stall(trainer: Any) -> dict[str, float]:
    """Seconds that the training waits for a checkpoint: into fresh pageable memory, and into pinned buffers that are
    there already (the first fill pays for pinning)."""
    from peft import get_peft_model_state_dict

    from trainer_image.snapshot import SnapshotBuffers

    state = {"adapter": get_peft_model_state_dict(trainer.model, save_embedding_layers=False),
             "optimizer": trainer.optimizer.state_dict()}
    kept = SnapshotBuffers(pinned=on_gpu())
    return {"pageable_s": seconds(lambda: SnapshotBuffers(pinned=False).copied(state)),
            "first_s": seconds(lambda: kept.copied(state)), "kept_buffers_s": seconds(lambda: kept.copied(state))}


def inference(trainer: Any, data: TrainingData) -> dict[str, float]:
    """Tokens/s of an evaluation and of greedy answers, with the adapter."""
    from trainer_image.evaluation import evaluating, likelihoods

    held_out = data.held_out[:4]
    tokens = sum(len(sample.input_ids) for sample in held_out)
    likelihoods(trainer.model, held_out[:1])
    evaluated = seconds(lambda: likelihoods(trainer.model, held_out))
    ids = torch.tensor([list(held_out[0].prompt)[:256]], device=trainer.args.device)

    def generate() -> None:
        with evaluating(trainer.model):
            trainer.model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=32,
                                   min_new_tokens=32, do_sample=False)

    return {"evaluation_tokens_per_second": tokens / evaluated, "generation_tokens_per_second": 32 / seconds(generate)}
