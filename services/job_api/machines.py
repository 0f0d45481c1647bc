"""What memory a run would have, and how large its base model is, as far as this installation can know."""

import json
import os
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from contracts.gpus import GpuType
from contracts.model_memory import CARD_MEMORY, ModelShape, known_shape

_REMEMBERED = 64


class Machines:
    """`local` pods run on this machine, and have its memory."""

    def __init__(self, local_memory: int | None = None) -> None:
        self._local_memory = local_memory or _memory_of_this_machine()

    def memory(self, gpu_type: GpuType) -> int | None:
        """Bytes; None where nobody knows."""
        return self._local_memory if gpu_type is GpuType.LOCAL else CARD_MEMORY.get(gpu_type)

    def shape(self, base_model: str) -> ModelShape | None:
        """Of a known hub id or of a folder on this machine; None for what cannot be looked at from here."""
        known = known_shape(base_model)
        if known is not None:
            return known
        config = Path(base_model) / "config.json"
        try:
            return _shape_in(config, config.stat().st_mtime_ns)
        except OSError:
            return None


@lru_cache(_REMEMBERED)
def _shape_in(config: Path, _changed_at: int) -> ModelShape | None:
    try:
        return ModelShape.from_config(json.loads(config.read_text()))
    except (ValidationError, ValueError, KeyError, TypeError, ZeroDivisionError):
        return None  # a model of another kind: nothing is said about its memory


def _memory_of_this_machine() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None
