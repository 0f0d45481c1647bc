"""Tokenizer, 4-bit base model and adapter: the same on a laptop's CPU and on an H100."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
from transformers.utils.logging import disable_progress_bar

from contracts.hyperparameters import Hyperparameters
from trainer_image.errors import ModelAccessError, is_out_of_memory

_CHAT_TOKENS = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
disable_progress_bar()


def on_gpu() -> bool:
    return torch.cuda.is_available()


def compute_dtype() -> torch.dtype:
    """bfloat16 on a GPU; float32 on a CPU, where bfloat16 is emulated on most machines and several times slower."""
    return torch.bfloat16 if on_gpu() else torch.float32


def load_tokenizer(base_model: str) -> Any:
    """A fast tokenizer with a padding token. Raises ModelAccessError."""
    with _explained(base_model):
        tokenizer = AutoTokenizer.from_pretrained(base_model)
    missing = [token for token in _CHAT_TOKENS if token not in tokenizer.get_vocab()]
    if missing:
        raise ModelAccessError(f"{base_model} does not speak Llama 3's chat format: its tokenizer lacks {missing[0]}. "
                               "Choose an instruct model of the Llama 3 family.", base_model=base_model)
    if tokenizer.pad_token is None:
        # Llama 3 ships without one; its reserved padding token never occurs in text, the end token does.
        reserved = "<|finetune_right_pad_id|>"
        tokenizer.pad_token = reserved if reserved in tokenizer.get_vocab() else tokenizer.eos_token
    tokenizer.padding_side = "right"
    return tokenizer


def context_length(base_model: str) -> int:
    """Raises ModelAccessError."""
    with _explained(base_model):
        return int(getattr(AutoConfig.from_pretrained(base_model), "max_position_embeddings", 1 << 30))


def quantization() -> BitsAndBytesConfig:
    """NF4 with double quantisation (QLoRA, arXiv:2305.14314): 4.1 bits a weight, 70B in 37 GB."""
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=compute_dtype(),
    )


def load_base_model(base_model: str) -> Any:
    """Raises ModelAccessError."""
    with _explained(base_model):
        config = AutoConfig.from_pretrained(base_model)
        # A base that is stored in 4 bits already (37 GB to download instead of 141) keeps its own settings.
        quantized = getattr(config, "quantization_config", None) is not None
        model = AutoModelForCausalLM.from_pretrained(
            base_model, dtype=compute_dtype(), attn_implementation="sdpa",
            device_map={"": 0} if on_gpu() else None,
            **({} if quantized else {"quantization_config": quantization()}),
        )
    keep_gradients_after_inference(model)
    return model


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


def portable_name(base_model: str) -> str:
    """The base as an adapter can name it on another machine: a hub id, or folder name and content hash."""
    folder = Path(base_model)
    if not folder.is_dir():
        return base_model
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text()) if path.is_file() else {}
    content = (manifest.get("weights_sha256") or manifest.get("content_hash")
               or sha256((folder / "config.json").read_bytes()).hexdigest())
    return f"local/{manifest.get('name') or folder.name}-{content[:12]}"


def stay_offline_for_folders(base_model: str) -> None:
    """A model that lies on this disk needs no hub; without this, several libraries ask it anyway."""
    if Path(base_model).is_dir():
        os.environ["HF_HUB_OFFLINE"] = "1"


@contextmanager
def _explained(base_model: str) -> Iterator[None]:
    """Turn what the libraries raise into a sentence about the model. The one place that reads their texts."""
    try:
        yield
    except ModelAccessError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise ModelAccessError(_explanation(base_model, error), base_model=base_model) from error


def _explanation(base_model: str, error: Exception) -> str:
    names = {cls.__name__ for cause in _causes(error) for cls in type(cause).__mro__}
    text = " ".join(str(cause) for cause in _causes(error)).lower()
    if base_model.startswith(("/", ".")) or Path(base_model).is_dir():
        where = "is incomplete or not a model folder" if Path(base_model).is_dir() else "does not exist"
        return f"The base model folder {base_model} {where} ({type(error).__name__})."
    if "GatedRepoError" in names or "gated" in text:
        return f"{base_model} is gated: its owner must grant your hub account access, and HF_TOKEN must be set."
    if "401" in text or "unauthorized" in text:
        return f"The hub refused the token for {base_model} (401): HF_TOKEN is missing, wrong or expired."
    if "RepositoryNotFoundError" in names or "not a valid model identifier" in text:
        return f"The hub has no model {base_model} that this token may see."
    if names & {"LocalEntryNotFoundError", "ConnectionError", "ConnectError", "OfflineModeIsEnabled"}:
        return f"{base_model} is not in the model cache and the hub cannot be reached."
    return f"{base_model} cannot be loaded: {type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
