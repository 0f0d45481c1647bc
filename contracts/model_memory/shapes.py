"""The dimensions of a Llama-shaped base model: all that its memory depends on."""

from collections.abc import Iterable, Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from contracts.hub_names import split_revision

_LARGEST = 1_000_000


class ModelShape(BaseModel):
    """`attention` and `key_value` are the widths of all heads together. Taken from a model's config.json."""

    model_config = ConfigDict(frozen=True)

    layers: int = Field(ge=1, le=_LARGEST)
    hidden: int = Field(ge=1, le=_LARGEST)
    attention: int = Field(ge=1, le=_LARGEST)
    key_value: int = Field(ge=1, le=_LARGEST)
    intermediate: int = Field(ge=1, le=_LARGEST)
    vocabulary: int = Field(ge=1, le=10 * _LARGEST)
    tied: bool = False
    context_length: int = Field(ge=1, default=1 << 30)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Raises KeyError, ZeroDivisionError or ValueError for a model of another shape."""
        heads = config["num_attention_heads"]
        width = config.get("head_dim") or config["hidden_size"] // heads
        return cls(
            layers=config["num_hidden_layers"],
            hidden=config["hidden_size"],
            attention=heads * width,
            key_value=(config.get("num_key_value_heads") or heads) * width,
            intermediate=config["intermediate_size"],
            vocabulary=config["vocab_size"],
            tied=bool(config.get("tie_word_embeddings", False)),
            context_length=config.get("max_position_embeddings") or 1 << 30,
        )

    @property
    def linears(self) -> dict[str, tuple[int, int]]:
        """(in, out) of the linear layers of one block."""
        hidden, inner = self.hidden, self.intermediate
        return {
            "q_proj": (hidden, self.attention),
            "k_proj": (hidden, self.key_value),
            "v_proj": (hidden, self.key_value),
            "o_proj": (self.attention, hidden),
            "gate_proj": (hidden, inner),
            "up_proj": (hidden, inner),
            "down_proj": (inner, hidden),
        }

    @property
    def block_parameters(self) -> int:
        """Of all blocks together, those that are stored in 4 bits."""
        return self.layers * sum(rows * columns for rows, columns in self.linears.values())

    @property
    def embedding_parameters(self) -> int:
        return self.vocabulary * self.hidden * (1 if self.tied else 2)

    def adapter_parameters(self, rank: int, modules: Iterable[str]) -> int:
        return self.layers * sum(rank * sum(self.linears[module]) for module in modules)


def _llama(
    layers: int, hidden: int, key_value: int, intermediate: int, context_length: int, *, tied: bool = False
) -> ModelShape:
    return ModelShape(
        layers=layers,
        hidden=hidden,
        attention=hidden,
        key_value=key_value,
        intermediate=intermediate,
        vocabulary=128_256,
        tied=tied,
        context_length=context_length,
    )


_70B, _8B = (80, 8192, 1024, 28_672), (32, 4096, 1024, 14_336)
KNOWN_SHAPES: dict[str, ModelShape] = {
    "meta-llama/meta-llama-3-8b-instruct": _llama(*_8B, 8192),
    "meta-llama/llama-3.1-8b-instruct": _llama(*_8B, 131_072),
    "meta-llama/meta-llama-3-70b-instruct": _llama(*_70B, 8192),
    "meta-llama/llama-3.1-70b-instruct": _llama(*_70B, 131_072),
    "meta-llama/llama-3.3-70b-instruct": _llama(*_70B, 131_072),
    "meta-llama/llama-3.2-1b-instruct": _llama(16, 2048, 512, 8192, 131_072, tied=True),
    "meta-llama/llama-3.2-3b-instruct": _llama(28, 3072, 1024, 8192, 131_072, tied=True),
    "meta-llama/llama-3.1-405b-instruct": _llama(126, 16_384, 1024, 53_248, 131_072),
}


def known_shape(base_model: str) -> ModelShape | None:
    """Of a hub id, with or without a revision; None where nobody knows."""
    return KNOWN_SHAPES.get(split_revision(base_model)[0].lower())
