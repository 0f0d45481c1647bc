"""The GPU benchmark: `python -m benchmarks.gpu --call first|second [--json PATH]`, on a CUDA machine of 80 GB or more;
`--toy` runs both calls in miniature on a CPU.

First call (about 8 minutes): 20 layers, the arms in turns (A B B A), 3 warm and 6 timed steps each. Second call (about
9): 80 layers, the trainer as it is and the best arm, then memory, snapshots, evaluation and generation. The JSON is
written after every arm: what a time-out cuts off loses only the rest. The second call's result is the estimator's prior
when it is committed as services/cost_guard/domain/measured/<gpu type>.json.
"""

import argparse
import json
import platform
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from trainer_image.libraries import prepare_libraries

LIBRARIES = ("torch", "transformers", "peft", "trl", "bitsandbytes", "accelerate", "tokenizers", "safetensors",
             "triton")
# Dense bfloat16 of NVIDIA's data sheets, by a word of the device's name; half of the figure with sparsity.
PEAK_FLOPS = {"H200": 989e12, "H100 PCIe": 756e12, "H100": 989e12}


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--call", choices=("first", "second"), default="first")
    parser.add_argument("--toy", action="store_true", help="both calls in miniature, also on a CPU")
    parser.add_argument("--json", type=Path, default=Path("gpu-benchmark.json"))
    parser.add_argument("--emulate-gb", type=float, default=79.6, help="memory that a larger card may use, GiB")
    options = parser.parse_args(arguments)
    prepare_libraries("")
    bench = Bench(options.json, toy=options.toy, emulate_gb=options.emulate_gb)
    for call in ("first", "second") if options.toy else (options.call,):
        getattr(bench, f"{call}_call")()
    print(json.dumps(bench.figures, indent=2))
    return bench.figures


class Bench:
    def __init__(self, path: Path, *, toy: bool, emulate_gb: float) -> None:
        import torch

        from trainer_image.device import on_gpu

        if not on_gpu() and not toy:
            raise SystemExit("There is no CUDA device here; --toy runs the same code in miniature on a CPU.")
        self.path, self.toy = path, toy
        self.warm, self.timed = (1, 1) if toy else (3, 6)
        self.gpu = torch.cuda.get_device_name(0) if on_gpu() else None
        self.peak = next((flops for word, flops in PEAK_FLOPS.items() if self.gpu and word in self.gpu), None)
        if on_gpu():
            total = torch.cuda.get_device_properties(0).total_memory / 2**30
            torch.cuda.set_per_process_memory_fraction(min(1.0, emulate_gb / total))
        self.figures: dict[str, Any] = {
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"), "gpu": self.gpu, "toy": toy,
            "memory_limit_gib": emulate_gb if on_gpu() else None, "versions": versions(), "arms": {}}
        self.tokenizer = tokenizer()

    def keep(self, **figures: Any) -> None:
        self.figures |= figures
        self.path.write_text(json.dumps(self.figures, indent=2))

    def shape(self, layers: int) -> Any:
        from benchmarks.gpu.shape import LLAMA_70B, TOY

        return TOY if self.toy else replace(LLAMA_70B, layers=layers)

    def data(self, shape: Any) -> Any:
        from benchmarks.gpu.shape import conversations

        return conversations(40 if self.toy else 242, shape, scale=0.03 if self.toy else 1.0)

    def base(self, shape: Any, *, double: bool = True) -> Any:
        from benchmarks.gpu.measure import seconds
        from benchmarks.gpu.shape import build
        from trainer_image.attention import take_kernel

        models: list[Any] = []
        self.keep(build_s=seconds(lambda: models.append(build(shape, double=double))))
        self.keep(attention_kernel=take_kernel(models[0].config) or ("used" if self.gpu else "loop on a CPU"))
        return models[0]

    def first_call(self) -> None:
        """A slice of 20 layers, each arm twice, forwards and backwards through the list."""
        from benchmarks.gpu.arms import FIRST_CALL, TOY_ARMS, parity

        shape = self.shape(20)
        data = self.data(shape)
        self.keep(parity_worst_relative=parity(self.base(self.shape(2)), self.tokenizer, data))
        for double in (True, False):
            arms = [arm for arm in FIRST_CALL if arm.double is double and (not self.toy or arm.name in TOY_ARMS)]
            self.in_turns([*arms, *reversed(arms)], self.base(shape, double=double), shape, data)

    def in_turns(self, arms: Sequence[Any], base: Any, shape: Any, data: Any) -> Any:
        from benchmarks.gpu.arms import restore, result, run

        steps: dict[str, list[dict[str, float]]] = {}
        for arm in arms:
            trainer, watch = run(arm, base, self.tokenizer, data, warm=self.warm, timed=self.timed)
            base = restore(trainer)
            steps.setdefault(arm.name, []).extend(watch.timed)
            figures = result(steps[arm.name], shape, self.peak)
            self.keep(arms={**self.figures["arms"], f"{shape.layers} layers: {arm.name}": figures})
        return base

    def second_call(self) -> None:
        from benchmarks.gpu import arms, measure

        shape = self.shape(80)
        data = self.data(shape)
        base = self.in_turns(arms.SECOND_CALL, self.base(shape), shape, data)
        self.keep(useful_tokens_per_second={
            arm.name: self.figures["arms"][f"{shape.layers} layers: {arm.name}"]["useful_tokens_per_second"]
            for arm in arms.SECOND_CALL})
        for preset in ("balanced", "aggressive"):
            trainer, _ = arms.run(replace(arms.AS_IT_IS, preset=preset), base, self.tokenizer, data, warm=0, timed=1)
            rank = trainer.model.peft_config["default"].r
            self.keep(**{f"snapshot_r{rank}": arms.snapshot_stall(trainer)})
            if preset == "balanced":
                self.keep(**arms.inference(trainer, data))
                self.keep(kernels_of_a_step=measure.kernel_seconds(lambda: trainer.prove_memory()))  # noqa: B023
            base = arms.restore(trainer)
        self.keep(longest=self.peak_of_the_longest(base, data))

    def peak_of_the_longest(self, base: Any, data: Any) -> dict[str, Any]:
        """Four conversations of 4,096 tokens in one pass: what 16,384 tokens at once need."""
        from benchmarks.gpu import arms, measure
        from trainer_image.data import TrainingData

        length = 128 if self.toy else 4096
        ids = (data.train[0].input_ids * length)[:length]
        long = tuple(replace(data.train[0], key=f"long-{number}", input_ids=ids, labels=ids) for number in range(4))
        trainer, _ = arms.run(arms.AS_IT_IS, base, self.tokenizer, TrainingData(long, (), ()), warm=0, timed=1)
        return {"tokens_at_once": trainer.micro_batches.budget.tokens, "tokens": 4 * length, **measure.memory()}


def tokenizer() -> Any:
    """Any will do: the ids are random. TRL wants one with a token for padding."""
    from trainer_image.base_model.recipe import Recipe
    from trainer_image.base_model.tokenizer import train_tokenizer

    recipe = Recipe(vocab_size=320, hidden_size=64, intermediate_size=128, layers=2, attention_heads=4,
                    key_value_heads=2, context_length=1024)
    made = train_tokenizer(["A few words for a few tokens."] * 8, recipe)
    made.pad_token = made.pad_token or made.eos_token
    return made


def versions() -> dict[str, str]:
    """Of whatever this machine has: it need not be what the lock file says."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    main()
