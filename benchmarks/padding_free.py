"""Rows without padding against padded ones, on a CPU: `python -m benchmarks.padding_free [--json PATH] [--rounds N]`.

One epoch of the example file with the local base model, without dropout, so that every arm computes the same gradients.
The arms take turns in one process; wall and processor time of the quickest run each, as ratios to the padded one. A CPU
gains nothing from unpacking the 4-bit base once instead of several times: what that is worth, `benchmarks/gpu` tells.
"""

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from contracts.hyperparameters import HyperparameterOverrides
from contracts.local_base_model import SHIPPED_BASE_MODEL
from contracts.presets import resolve
from contracts.training_file import read_training_file
from trainer_image.libraries import prepare_libraries

SAMPLE = Path(__file__).parents[1] / "examples/sample.json"
MAX_TOKENS = 1024
ARMS = ("padded", "one at a time", "padding-free")


def main() -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--preset", default="conservative")
    parser.add_argument("--file", type=Path, default=SAMPLE)
    parser.add_argument("--base-model", type=Path, default=SHIPPED_BASE_MODEL)
    options = parser.parse_args()
    prepare_libraries(str(options.base_model))
    epoch = Epoch(options.base_model, options.file, options.preset)
    runs: dict[str, list[dict[str, float]]] = {arm: [] for arm in ARMS}
    epoch.run(ARMS[0])  # pays for lazy imports
    for number in range(options.rounds):
        for arm in ARMS if number % 2 == 0 else reversed(ARMS):
            runs[arm].append(epoch.run(arm))
            print(arm, runs[arm][-1], flush=True)
    figures = ratios(runs)
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures))
    return figures


def ratios(runs: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    best = {arm: {name: min(run[name] for run in found) for name in ("wall_s", "cpu_s")} for arm, found in runs.items()}
    losses = {arm: found[0]["loss"] for arm, found in runs.items()}
    return {
        "padding_of_padded": runs["padded"][0]["padding"],
        "padding_of_padding_free": runs["padding-free"][0]["padding"],
        "loss_difference": abs(losses["padding-free"] / losses["padded"] - 1),
        **{f"{name}_to_padded, {arm}": best[arm][name] / best["padded"][name]
           for arm in ARMS[1:] for name in ("wall_s", "cpu_s")}}


class Epoch:
    def __init__(self, base_model: Path, file: Path, preset: str) -> None:
        from trainer_image.data import prepare
        from trainer_image.hub import find_base_model
        from trainer_image.model import load_tokenizer

        self.parameters = resolve(preset, HyperparameterOverrides(num_epochs=1, lora_dropout=0.0))
        self.base = find_base_model(str(base_model))
        self.tokenizer = load_tokenizer(self.base)
        with file.open("rb") as opened:
            conversations = read_training_file(opened, file_name=file.name).conversations
        self.data = replace(prepare(conversations, self.tokenizer.backend_tokenizer, self.parameters, MAX_TOKENS),
                            held_out=())

    def run(self, arm: str) -> dict[str, float]:
        from benchmarks.padded import Padded
        from trainer_image.lora_trainer import LoraTrainer
        from trainer_image.micro_batches import MemoryProof
        from trainer_image.model import load_base_model

        cls: Any = LoraTrainer if arm == "padding-free" else Padded
        options = {"one_by_one": True} if arm == "one at a time" else {}
        trainer = cls(load_base_model(self.base).model, self.tokenizer, self.data, self.parameters,
                      Path(tempfile.mkdtemp(prefix="padding-free-")), metrics=SimpleNamespace(rows=list),
                      checkpoints=None, recipe={}, evaluate_first=False, **options)
        trainer.remove_callback(MemoryProof)  # once a run, not once an epoch
        computed: list[int] = []
        trainer.model.register_forward_pre_hook(
            lambda module, args, kwargs: computed.append(kwargs["input_ids"].numel()), with_kwargs=True)
        wall, cpu = time.perf_counter(), time.process_time()
        trainer.train()
        return {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu,
                "padding": 1 - self.data.train_tokens / sum(computed), "loss": trainer.state.log_history[-2]["loss"]}


if __name__ == "__main__":
    main()
