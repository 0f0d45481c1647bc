"""Everything needed to understand and repeat a run, in one document."""

import math
import platform
from collections.abc import Sequence
from typing import Any

import torch

from contracts.events import ConversationLikelihood
from contracts.pod_environment import PodSpec
from trainer_image.data import TrainingData
from trainer_image.device import compute_dtype, on_gpu
from trainer_image.hub import BaseModelFiles
from trainer_image.metric_series import perplexity
from trainer_image.quantization import Quantization
from trainer_image.versions import library_versions


def perplexities(likelihoods: Sequence[ConversationLikelihood]) -> tuple[float, float]:
    """(base, trained) per learnt token over all conversations together."""
    tokens = sum(item.tokens for item in likelihoods)
    return (perplexity(sum(item.base_nll for item in likelihoods) / tokens),
            perplexity(sum(item.trained_nll for item in likelihoods) / tokens))


def summarize(
    spec: PodSpec, data: TrainingData, base: BaseModelFiles, quantization: Quantization,
    likelihoods: Sequence[ConversationLikelihood],
    results: dict[str, Any],
) -> dict[str, Any]:
    base_perplexity, trained_perplexity = perplexities(likelihoods) if likelihoods else (None, None)
    return {
        "job_id": str(spec.job_id), "attempt": spec.attempt, "base_model": base.name,
        "base_model_revision": base.revision,
        "hyperparameters": spec.hyperparameters.model_dump(mode="json"),
        "data": {
            "training_file_sha256": spec.training_file_sha256,
            "train_conversations": len(data.train), "held_out_conversations": len(data.held_out),
            "system_prompt": data.usual_system_prompt,
            "held_out": [sample.key for sample in data.held_out],
            "tokens_per_epoch": data.train_tokens,
            "learnt_tokens_per_epoch": sum(sample.learnt_tokens for sample in data.train),
            "longest_conversation_tokens": len(data.longest.input_ids),
            "truncated": [sample.key for sample in data.truncated],
            "left_out": [sample.key for sample in data.left_out],
        },
        "results": {**{name: _finite(value) for name, value in results.items()},
                    "base_perplexity": _finite(base_perplexity), "trained_perplexity": _finite(trained_perplexity)},
        "precision": {"base": str(quantization), "quantization": quantization.as_dict(),
                      "compute": str(compute_dtype()).removeprefix("torch."), "adapter": "float32"},
        "device": torch.cuda.get_device_name(0) if on_gpu() else f"CPU ({platform.machine()})",
        "versions": library_versions(),
    }


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
