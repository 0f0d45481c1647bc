"""The state of a run after a step: everything from which exactly the same run goes on."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import get_peft_model_state_dict
from safetensors.torch import load_file, save_file

from trainer_image.device import on_gpu

_log = logging.getLogger(__name__)

ADAPTER_FILE, OPTIMIZER_FILE, SCHEDULER_FILE = "adapter_model.safetensors", "optimizer.pt", "scheduler.pt"
STATE_FILE, METRICS_FILE, RECIPE_FILE = "trainer_state.json", "metrics.json", "recipe.json"
BASE_FILE = "base_likelihoods.json"


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


class SnapshotBuffers:
    """The host's memory for one snapshot, filled again for the next: fresh memory costs a page fault every 4 KiB.

    Beside a GPU it is pinned, so that all copies run at the full speed of the bus while the program queues the next;
    the first snapshot pays for that. The snapshot before must be stored by the time of the next.
    """

    def __init__(self, *, pinned: bool) -> None:
        self._pinned = pinned
        self._kept: dict[str, torch.Tensor] = {}

    def copied(self, values: dict[str, Any]) -> dict[str, Any]:
        """A copy that later steps do not change; it is complete when this returns."""
        copy: dict[str, Any] = self._copy(values, "")
        if on_gpu():
            torch.cuda.synchronize()
        return copy

    def _copy(self, value: Any, place: str) -> Any:
        if isinstance(value, torch.Tensor):
            return self._buffer(value, place).copy_(value.detach(), non_blocking=True)
        if isinstance(value, dict):
            return {key: self._copy(item, f"{place}/{key}") for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self._copy(item, f"{place}/{number}") for number, item in enumerate(value))
        return value

    def _buffer(self, value: torch.Tensor, place: str) -> torch.Tensor:
        kept = self._kept.get(place)
        if kept is None or kept.shape != value.shape or kept.dtype != value.dtype:
            kept = self._kept[place] = self._fresh(value)
        return kept

    def _fresh(self, value: torch.Tensor) -> torch.Tensor:
        if self._pinned:
            try:
                return torch.empty(value.shape, dtype=value.dtype, pin_memory=True)
            except RuntimeError as error:
                _log.warning("snapshots are copied through pageable memory, slower: %s", error)
                self._pinned = False
        return torch.empty(value.shape, dtype=value.dtype)


def take_snapshot(trainer: Any, folder: Path, metrics: list[dict[str, Any]], recipe: dict[str, Any]) -> Snapshot:
    """Between two steps only. `trainer` is the transformers Trainer, whose own formats the files follow."""
    folder.mkdir(parents=True)
    trainer._save_rng_state(str(folder))
    torch.save(trainer.lr_scheduler.state_dict(), folder / SCHEDULER_FILE)
    trainer.state.save_to_json(str(folder / STATE_FILE))
    (folder / METRICS_FILE).write_text(json.dumps(metrics))
    (folder / BASE_FILE).write_text(json.dumps(trainer.base_likelihoods))
    (folder / RECIPE_FILE).write_text(json.dumps(recipe, sort_keys=True))
    for config in trainer.model.peft_config.values():
        config.save_pretrained(str(folder))
    adapter = get_peft_model_state_dict(trainer.model, save_embedding_layers=False)
    copy = trainer.snapshot_buffers.copied({"adapter": adapter, "optimizer": trainer.optimizer.state_dict()})
    return Snapshot(trainer.state.global_step, folder, copy["adapter"], copy["optimizer"])


def base_likelihoods(folder: Path) -> dict[str, float]:
    """Those that the checkpoint in this folder carries; none in one from before they were kept."""
    path = folder / BASE_FILE
    return json.loads(path.read_text()) if path.exists() else {}
