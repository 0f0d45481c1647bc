"""Tokenizer, 4-bit base model and adapter: the same on a laptop's CPU and on an H100."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from peft import LoraConfig
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

from contracts.hyperparameters import Hyperparameters
from trainer_image import attention
from trainer_image.device import compute_dtype, on_gpu
from trainer_image.errors import ModelAccessError, is_out_of_memory
from trainer_image.hub import BaseModelFiles
from trainer_image.quantization import Quantization, loaded_quantization, stored_quantization, trained_quantization

_CHAT_TOKENS = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
disable_progress_bar()


def load_tokenizer(base: BaseModelFiles) -> Any:
    """A fast tokenizer with a padding token. Raises ModelAccessError."""
    with _explained(base):
        tokenizer = AutoTokenizer.from_pretrained(base.folder, local_files_only=True)
    missing = [token for token in _CHAT_TOKENS if token not in tokenizer.get_vocab()]
    if missing:
        raise ModelAccessError(f"{base.given} does not speak Llama 3's chat format: its tokenizer lacks {missing[0]}. "
                               "Choose an instruct model of the Llama 3 family.", base_model=base.given)
    if tokenizer.pad_token is None:
        # Llama 3 ships without one; its reserved padding token never occurs in text, the end token does.
        reserved = "<|finetune_right_pad_id|>"
        tokenizer.pad_token = reserved if reserved in tokenizer.get_vocab() else tokenizer.eos_token
    tokenizer.padding_side = "right"
    return tokenizer


def load_config(base: BaseModelFiles) -> Any:
    """Raises ModelAccessError, also for a base that is stored in a way that is not trained on here."""
    with _explained(base):
        config = AutoConfig.from_pretrained(base.folder, local_files_only=True)
    stored_quantization(base.given, config)
    return config


def context_length(config: Any) -> int:
    return int(getattr(config, "max_position_embeddings", 1 << 30))


class LoadedBase(NamedTuple):
    model: Any
    quantization: Quantization


def load_base_model(base: BaseModelFiles) -> LoadedBase:
    """In 4 bits. A base that is stored so (37 GB to download instead of 141) keeps its own settings.

    Raises ModelAccessError.
    """
    stored = stored_quantization(base.given, load_config(base))
    with _explained(base):
        model = AutoModelForCausalLM.from_pretrained(
            base.folder, dtype=compute_dtype(), attn_implementation=attention.IMPLEMENTATION, local_files_only=True,
            device_map={"": 0} if on_gpu() else None,
            **({} if stored else {"quantization_config": trained_quantization()}),
        )
    keep_gradients_after_inference(model)
    return LoadedBase(model, loaded_quantization(model, stored=stored is not None))


def keep_gradients_after_inference(model: Any) -> None:
    """On a CPU with AVX512-BF16, bitsandbytes repacks a 4-bit weight at its first inference for a kernel that has no
    gradient and computes in bfloat16: after the first evaluation the layers below would learn nothing any more."""
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def lora_config(hyperparameters: Hyperparameters) -> LoraConfig:
    return LoraConfig(
        r=hyperparameters.lora_rank, lora_alpha=hyperparameters.lora_alpha,
        lora_dropout=hyperparameters.lora_dropout, target_modules=sorted(hyperparameters.target_modules),
        bias="none", task_type="CAUSAL_LM",
    )


@contextmanager
def _explained(base: BaseModelFiles) -> Iterator[None]:
    """Turn what the libraries raise over files that cannot be read into a sentence about the model."""
    try:
        yield
    except Exception as error:
        if isinstance(error, ModelAccessError) or is_out_of_memory(error):
            raise
        raise ModelAccessError(f"{base.given} cannot be loaded, its files are incomplete or not those of a model: "
                               f"{type(error).__name__}: {' '.join(str(error).split())[:300]}",
                               base_model=base.given) from error
