"""A Llama of random weights in NF4, built where it will run, and conversations as long as the product's."""

from dataclasses import dataclass
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from trainer_image import attention
from trainer_image.data import Sample, TrainingData
from trainer_image.device import compute_dtype, on_gpu
from trainer_image.model import keep_gradients_after_inference

# A real file of 12 conversations, tokens by characters / 4, scaled to the mean of the 242-conversation file (2,460).
LENGTHS = (1430, 1510, 1540, 2090, 2100, 2640, 2680, 2820, 3050, 3110, 3120, 3450)
LEARNT = 0.45


@dataclass(frozen=True)
class Shape:
    layers: int
    hidden: int
    intermediate: int
    heads: int
    key_value_heads: int
    vocabulary: int

    @property
    def trained_flops_per_token(self) -> float:
        """6N: forward, its recomputation and the gradient of the inputs, 2N each; frozen weights have no gradient."""
        return 6.0 * (self.block_parameters * self.layers + self.hidden * self.vocabulary)

    @property
    def block_parameters(self) -> int:
        width = self.hidden // self.heads * self.key_value_heads
        return self.hidden * (2 * self.hidden + 2 * width + 3 * self.intermediate)


LLAMA_70B = Shape(layers=80, hidden=8192, intermediate=28672, heads=64, key_value_heads=8, vocabulary=128_256)
TOY = Shape(layers=2, hidden=64, intermediate=128, heads=4, key_value_heads=2, vocabulary=512)


def device() -> torch.device:
    return torch.device("cuda", 0) if on_gpu() else torch.device("cpu")


def build(shape: Shape, *, double: bool = True, seed: int = 7) -> Any:
    """Never zeros, which run faster than weights. Each weight is made in bfloat16 where it is quantised, then freed."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=shape.vocabulary, hidden_size=shape.hidden, intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers, num_attention_heads=shape.heads, num_key_value_heads=shape.key_value_heads,
        max_position_embeddings=8192, rope_parameters={"rope_type": "default", "rope_theta": 500_000.0},
        tie_word_embeddings=False, bos_token_id=0, eos_token_id=1, pad_token_id=2)
    with torch.device("meta"):
        model = LlamaForCausalLM._from_config(config, dtype=compute_dtype(),
                                              attn_implementation=attention.IMPLEMENTATION)
    for layer in model.model.layers:
        for name, module in list(layer.named_modules()):
            if isinstance(module, torch.nn.Linear):
                parent, _, child = name.rpartition(".")
                setattr(layer.get_submodule(parent), child, _four_bit(module, child, double, shape))
    _fill(model)
    model.model.rotary_emb = LlamaRotaryEmbedding(config=config).to(device())
    model.is_loaded_in_4bit = True
    keep_gradients_after_inference(model)
    return model


def _four_bit(linear: torch.nn.Linear, name: str, double: bool, shape: Shape) -> Any:
    import bitsandbytes

    std = 0.02 / (2 * shape.layers) ** 0.5 if name in ("o_proj", "down_proj") else 0.02
    weight = torch.empty(linear.weight.shape, dtype=compute_dtype(), device=device()).normal_(0, std)
    layer = bitsandbytes.nn.Linear4bit(
        linear.in_features, linear.out_features, bias=False, compute_dtype=compute_dtype(), compress_statistics=double,
        quant_type="nf4", device="meta")
    layer.weight = bitsandbytes.nn.Params4bit(
        weight, requires_grad=False, quant_type="nf4", compress_statistics=double, module=layer).to(device())
    return layer


def _fill(model: Any) -> None:
    """Embedding, head and norms, still without memory; they are frozen as a loaded base's are later on."""
    for module in model.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if parameter.is_meta:
                fresh = torch.empty(parameter.shape, dtype=parameter.dtype, device=device())
                filled = fresh.fill_(1.0) if parameter.dim() == 1 else fresh.normal_(0, 0.02)
                setattr(module, name, torch.nn.Parameter(filled, requires_grad=False))


def conversations(count: int, shape: Shape, *, scale: float = 1.0, seed: int = 11) -> TrainingData:
    """`count` random conversations, a fifth of them held out; the last `LEARNT` of each is learnt."""
    generator = torch.Generator().manual_seed(seed)
    samples = []
    for number in range(count):
        length = max(8, round(LENGTHS[int(torch.randint(len(LENGTHS), (1,), generator=generator))] * scale))
        ids = torch.randint(3, shape.vocabulary, (length,), generator=generator).tolist()
        context = round(length * (1 - LEARNT))
        samples.append(Sample(key=f"c-{number}", group=None, prompt=tuple(ids[:context]), input_ids=ids,
                              labels=[-100] * context + ids[context:]))
    held_out = count // 5
    return TrainingData(tuple(samples[held_out:]), tuple(samples[:held_out]), ())
