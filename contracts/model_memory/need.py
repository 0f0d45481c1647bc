"""How much memory a QLoRA run needs at its largest moment, before anything was loaded.

The formula for a 70B model on one card gives what the design's arithmetic does: 32.9 GiB of NF4 blocks and 3.9 GiB of
embedding and head, 3.1 GiB of adapter with gradient and moments at rank 16, 1.25 MiB a token between the blocks.
"""

from dataclasses import dataclass

from contracts.hyperparameters import Hyperparameters
from contracts.model_memory.shapes import ModelShape

GIB = 1024**3

# NF4 with double quantisation: 4 bits, an 8-bit scale for each 64, and a 32-bit one for each 256 of those.
_NF4_BYTES = 0.5 + 1 / 64 + 4 / (64 * 256)
# float32: the weight, its gradient and the two moments of Adam.
_ADAPTER_BYTES = 4 * 4


@dataclass(frozen=True)
class Precision:
    """What is computed with. `number`: bytes of one; `checkpointing`: only what enters a block is kept, and each block
    is computed again for its gradient; `fixed`: the runtime's own memory."""

    number: int
    checkpointing: bool
    fixed: int


# The CUDA context with its libraries, and the tiles in which the loss is computed.
ON_GPU = Precision(number=2, checkpointing=True, fixed=int(1.2 * GIB))
ON_CPU = Precision(number=4, checkpointing=False, fixed=GIB)


@dataclass(frozen=True)
class MemoryNeed:
    """Bytes. `per_token` counts for every token that is computed at once."""

    base_model: int
    adapter: int
    fixed: int
    per_token: int
    tokens: int

    @property
    def activations(self) -> int:
        return self.per_token * self.tokens

    @property
    def total(self) -> int:
        return self.base_model + self.adapter + self.fixed + self.activations

    def tokens_within(self, available: int) -> int:
        """How many tokens can be computed at once; 0 when not even the model fits."""
        return max(0, (available - self.base_model - self.adapter - self.fixed) // self.per_token)


def memory_need(
    shape: ModelShape, hyperparameters: Hyperparameters, tokens: int, precision: Precision = ON_GPU
) -> MemoryNeed:
    """With `tokens` computed at once."""
    return MemoryNeed(
        base_model=round(shape.block_parameters * _NF4_BYTES) + shape.embedding_parameters * precision.number,
        adapter=shape.adapter_parameters(hyperparameters.lora_rank, hyperparameters.target_modules) * _ADAPTER_BYTES,
        fixed=precision.fixed + _unpacked(shape, precision),
        per_token=_per_token(shape, precision, dropout=hyperparameters.lora_dropout > 0),
        tokens=tokens,
    )


def _unpacked(shape: ModelShape, precision: Precision) -> int:
    """The largest weight, unpacked from its 4 bits: one in use, one on its way."""
    return 2 * precision.number * max(rows * columns for rows, columns in shape.linears.values())


def _per_token(shape: ModelShape, precision: Precision, *, dropout: bool) -> int:
    boundary, block = shape.hidden * precision.number, _one_block(shape, precision, dropout=dropout)
    # What the loss keeps of each learnt token: its last hidden state, and that one's gradient in float32.
    loss = shape.hidden * (precision.number + 4)
    if precision.checkpointing:
        return shape.layers * boundary + block + loss
    return shape.layers * block + loss


def _one_block(shape: ModelShape, precision: Precision, *, dropout: bool) -> int:
    """What a block keeps of a token for its gradient, and the gradients that are under way in it."""
    kept = (
        2 * shape.hidden * (4 + precision.number)  # two norms, computed in float32
        + 3 * shape.attention * precision.number  # q, q turned, the attention's answer
        + 3 * shape.key_value * precision.number  # k, k turned, v
        + 2 * shape.hidden * precision.number  # the two additions
        + 4 * shape.intermediate * precision.number  # gate, its activation, up, their product
    )
    under_way = 3 * (shape.hidden + shape.intermediate) * precision.number
    # Dropout keeps a copy and a mask of what enters each adapter.
    masked = sum(rows for rows, _ in shape.linears.values()) * (precision.number + 1) if dropout else 0
    return kept + under_way + masked
