"""The state of a run after a step: everything from which exactly the same run goes on."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import get_peft_model_state_dict
from safetensors.torch import load_file, save_file

ADAPTER_FILE, OPTIMIZER_FILE, SCHEDULER_FILE = "adapter_model.safetensors", "optimizer.pt", "scheduler.pt"
STATE_FILE, METRICS_FILE, RECIPE_FILE = "trainer_state.json", "metrics.json", "recipe.json"


@dataclass(frozen=True)
class Snapshot:
    """Large tensors copied to memory (fractions of a second), written to `folder` later by another thread.

    What is small (random numbers, trainer state) lies in `folder` already.
    """

    step: int
    folder: Path
    adapter: dict[str, torch.Tensor]
    optimizer: dict[str, Any]

    def tensors(self) -> Iterator[torch.Tensor]:
        yield from self.adapter.values()
        for state in self.optimizer["state"].values():
            yield from (value for value in state.values() if isinstance(value, torch.Tensor))

    @property
    def finite(self) -> bool:
        """Whether every weight and every moment of the optimizer is a number: one that is not spoils all that come."""
        return all(bool(torch.isfinite(tensor).all()) for tensor in self.tensors())

    @property
    def size_bytes(self) -> int:
        return sum(tensor.nbytes for tensor in self.tensors())

    def write(self) -> None:
        save_file(self.adapter, self.folder / ADAPTER_FILE, metadata={"format": "pt"})
        torch.save(self.optimizer, self.folder / OPTIMIZER_FILE)

    def readable(self) -> bool:
        """Whether the files hold what is in memory: a run that cannot save should fail now, not after hours."""
        adapter = load_file(self.folder / ADAPTER_FILE)
        same = adapter.keys() == self.adapter.keys() and all(
            torch.allclose(adapter[name], tensor, rtol=0, atol=0, equal_nan=True)
            for name, tensor in self.adapter.items())
        optimizer = torch.load(self.folder / OPTIMIZER_FILE, weights_only=True)
        return same and optimizer["state"].keys() == self.optimizer["state"].keys()


def take_snapshot(trainer: Any, folder: Path, metrics: list[dict[str, Any]], recipe: dict[str, Any]) -> Snapshot:
    """Between two steps only. `trainer` is the transformers Trainer, whose own formats the files follow."""
    folder.mkdir(parents=True)
    trainer._save_rng_state(str(folder))
    torch.save(trainer.lr_scheduler.state_dict(), folder / SCHEDULER_FILE)
    trainer.state.save_to_json(str(folder / STATE_FILE))
    (folder / METRICS_FILE).write_text(json.dumps(metrics))
    (folder / RECIPE_FILE).write_text(json.dumps(recipe, sort_keys=True))
    for config in trainer.model.peft_config.values():
        config.save_pretrained(str(folder))
    adapter = get_peft_model_state_dict(trainer.model, save_embedding_layers=False)
    return Snapshot(trainer.state.global_step, folder, _copied(adapter), _copied(trainer.optimizer.state_dict()))


def _copied(value: Any) -> Any:
    """A copy in the host's memory that later steps do not change."""
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True).contiguous()
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_copied(item) for item in value)
    return value
