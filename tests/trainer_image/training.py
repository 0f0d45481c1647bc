"""Trainers in the test's own process: ours or, to compare with, `benchmarks.padded`."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from transformers import TrainerCallback

from contracts.hyperparameters import HyperparameterOverrides, Hyperparameters
from contracts.presets import PRESETS, resolve
from tests.trainer_image.conftest import CONVERSATIONS
from trainer_image.data import TrainingData, prepare
from trainer_image.hub import find_base_model
from trainer_image.model import load_base_model, load_tokenizer


def conversations_of_many_lengths(tokenizer: Any) -> TrainingData:
    """Ten to train on, of one to four exchanges more than once: a padded batch of them is far from full."""
    longer = [item.model_copy(update={"turns": item.turns * (1 + number % 4)})
              for number, item in enumerate(CONVERSATIONS)]
    data = prepare(longer, tokenizer.backend_tokenizer, PRESETS["balanced"].hyperparameters, 1024)
    return replace(data, held_out=())


class Disk:
    """Keeps every snapshot in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def folder_for(self, step: int) -> Path:
        return self.folder / f"step-{step}"

    def finish(self) -> None:
        """Nothing is ever in flight."""

    def save(self, snapshot: Any) -> None:
        snapshot.write()


class Finishing(TrainerCallback):
    """What `Progress` does at the end of a step, as far as the record of samples needs it; saves every step."""

    def __init__(self, record: Any, stop_at: int | None) -> None:
        self.record, self.stop_at = record, stop_at

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        control.should_save = True
        control.should_training_stop = state.global_step == self.stop_at

    def on_log(self, args: Any, state: Any, control: Any, logs: Any, **_: Any) -> None:
        if "grad_norm" in logs:
            self.record.finish(state.global_step)


def settings(preset: str, **overrides: Any) -> Hyperparameters:
    return resolve(preset, HyperparameterOverrides(**{"lora_dropout": 0.0, "num_epochs": 1, **overrides}))


def build(cls: Any, base_model: Path, data: TrainingData, hyperparameters: Hyperparameters, folder: Path,
          *, stop_at: int | None = None, **more: Any) -> Any:
    folder.mkdir(parents=True, exist_ok=True)
    base = find_base_model(str(base_model))
    trainer = cls(load_base_model(base).model, load_tokenizer(base), data, hyperparameters, folder,
                  metrics=SimpleNamespace(rows=list), checkpoints=Disk(folder / "checkpoints"), recipe={},
                  **{"evaluate_first": False, **more})
    trainer.add_callback(Finishing(trainer.record, stop_at))
    return trainer


def steps(trainer: Any) -> Iterator[tuple[float, float]]:
    """Loss and norm of the gradient."""
    return ((row["loss"], row["grad_norm"]) for row in trainer.state.log_history if "grad_norm" in row)


def alike(found: Any, wanted: Any, rel: float = 1e-5) -> bool:
    return list(steps(found)) == [pytest.approx(step, rel=rel) for step in steps(wanted)]


def conversations(trainer: Any) -> list[list[str]]:
    """Of each step, in order."""
    lines = (Path(trainer.args.output_dir) / "samples.jsonl").read_text().splitlines()
    return [json.loads(line)["conversations"] for line in lines]
