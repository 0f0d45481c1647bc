"""The memory of a run, estimated before it starts."""

from contracts.model_memory.fit import CARD_MEMORY, Alternative, Fit, Run, fit
from contracts.model_memory.need import GIB, MemoryNeed, memory_need
from contracts.model_memory.shapes import ModelShape, known_shape

__all__ = [
    "CARD_MEMORY",
    "GIB",
    "Alternative",
    "Fit",
    "MemoryNeed",
    "ModelShape",
    "Run",
    "fit",
    "known_shape",
    "memory_need",
]
