"""Whether a run fits a machine, and what would."""

from dataclasses import dataclass
from typing import Any

from contracts.gpus import GpuType
from contracts.hyperparameters import Hyperparameters
from contracts.model_memory.need import GIB, ON_CPU, ON_GPU, MemoryNeed, Precision, memory_need
from contracts.model_memory.shapes import ModelShape

# As the driver shows it: an "80 GB" card has 79.6 GiB.
CARD_MEMORY: dict[GpuType, int] = {GpuType.H100_PCIE_80GB: int(79.6 * GIB)}
# What allocation in pieces leaves unused.
_FRAGMENTED = 0.03
_LENGTH_STEP, _SHORTEST = 128, 128


@dataclass(frozen=True)
class Run:
    """What decides how much memory is needed. `longest` is the longest conversation's tokens, 0 where that is not
    known; the trainer computes whole conversations, so one of them is the least that must fit at once."""

    shape: ModelShape
    hyperparameters: Hyperparameters
    longest: int = 0
    tokens_at_once: int = 16_384

    @property
    def least_tokens(self) -> int:
        limit = min(self.hyperparameters.max_seq_length, self.shape.context_length)
        return min(self.longest, limit) if self.longest else limit

    def with_values(self, **values: Any) -> "Run":
        changed = self.hyperparameters.model_copy(update=values)
        return Run(self.shape, changed, self.longest, self.tokens_at_once)


@dataclass(frozen=True)
class Alternative:
    """One change after which the run fits."""

    field: str
    value: int | str
    needed: int


@dataclass(frozen=True)
class Fit:
    """`need` is that of one longest conversation. `available`: bytes, without what fragmentation takes.

    `tokens_at_once`: how many tokens of the budget can really be computed together.
    """

    need: MemoryNeed
    available: int
    tokens_at_once: int
    alternatives: tuple[Alternative, ...] = ()

    @property
    def fits(self) -> bool:
        return self.need.total <= self.available


def fit(run: Run, gpu_type: GpuType, memory: int) -> Fit:
    """`memory`: bytes that the machine has."""
    need, available = _need(run, _precision(gpu_type)), _usable(memory)
    at_once = min(max(run.tokens_at_once, need.tokens), need.tokens_within(available))
    found = Fit(need, available, at_once)
    return found if found.fits else Fit(need, available, at_once, tuple(_alternatives(run, gpu_type, found)))


def _usable(memory: int) -> int:
    return int(memory * (1 - _FRAGMENTED))


def _precision(gpu_type: GpuType) -> Precision:
    return ON_CPU if gpu_type is GpuType.LOCAL else ON_GPU


def _need(run: Run, precision: Precision) -> MemoryNeed:
    return memory_need(run.shape, run.hyperparameters, run.least_tokens, precision)


def _alternatives(run: Run, gpu_type: GpuType, found: Fit) -> list[Alternative]:
    """In the order of what they change least."""
    return [*_shorter(run, gpu_type, found), *_smaller_rank(run, gpu_type, found), *_other_cards(run, gpu_type)]


def _shorter(run: Run, gpu_type: GpuType, found: Fit) -> list[Alternative]:
    length = found.need.tokens_within(found.available) // _LENGTH_STEP * _LENGTH_STEP
    if length < _SHORTEST:
        return []
    need = _need(run.with_values(max_seq_length=length), _precision(gpu_type))
    return [Alternative("max_seq_length", length, need.total)]


def _smaller_rank(run: Run, gpu_type: GpuType, found: Fit) -> list[Alternative]:
    rank = run.hyperparameters.lora_rank // 2
    while rank >= 1:
        need = _need(run.with_values(lora_rank=rank), _precision(gpu_type))
        if need.total <= found.available:
            return [Alternative("lora_rank", rank, need.total)]
        rank //= 2
    return []


def _other_cards(run: Run, gpu_type: GpuType) -> list[Alternative]:
    need = _need(run, ON_GPU)
    return [
        Alternative("gpu_type", card.value, need.total)
        for card, memory in CARD_MEMORY.items()
        if card is not gpu_type and need.total <= _usable(memory)
    ]
