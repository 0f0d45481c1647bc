"""Puts the delivery together and checks it before anybody gets it."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from contracts.events import ConversationLikelihood
from contracts.pod_environment import PodSpec
from trainer_image.data import TrainingData
from trainer_image.delivery import self_test
from trainer_image.delivery.files import (
    SUMMARY_FILE,
    write_adapter,
    write_json,
    write_metrics,
    write_tokenizer,
)
from trainer_image.delivery.golden import golden_outputs, tolerance
from trainer_image.delivery.readme import delivery_readme
from trainer_image.delivery.summary import summarize
from trainer_image.delivery.verification import verify
from trainer_image.hub import BaseModelFiles
from trainer_image.quantization import Quantization
from trainer_image.versions import library_versions


def package(
    model: Any, tokenizer: Any, folder: Path, *, spec: PodSpec, data: TrainingData, base: BaseModelFiles,
    quantization: Quantization,
    likelihoods: Sequence[ConversationLikelihood], results: dict[str, Any], metrics: list[dict[str, Any]],
) -> list[Path]:
    """The files in `folder`, the weights first. Raises DeliveryError when they do not hold the trained adapter."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_adapter(model, folder, base)
    write_tokenizer(tokenizer, folder)
    write_metrics(metrics, folder)
    samples = data.held_out or data.train
    summary = summarize(spec, data, base, quantization, likelihoods, results)
    summary["verification"] = verify(model, folder, samples)
    write_json(folder / SUMMARY_FILE, summary)
    golden = golden_outputs(model, tokenizer, folder, samples)
    write_json(folder / "golden_outputs.json", {
        "base_model": base.name, "base_model_revision": base.revision, "quantization": quantization.as_dict(),
        "versions": library_versions(), "greedy": True, "tolerance": tolerance(golden), "outputs": golden})
    (folder / "README.md").write_text(delivery_readme(summary))
    shutil.copyfile(str(self_test.__file__), folder / "self_test.py")
    return sorted(folder.iterdir(), key=lambda path: (not path.name.startswith("adapter_"), path.name))
