"""Writes the adapter and everything beside it into one folder."""

import csv
import json
import math
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from contracts.chat import INFERENCE_CHAT_TEMPLATE
from trainer_image.hub import BaseModelFiles
from trainer_image.snapshot import ADAPTER_FILE

BIN_FILE = "adapter_model.bin"
METRICS_JSON, METRICS_CSV, SUMMARY_FILE = "training_metrics.json", "training_metrics.csv", "training_summary.json"


def write_adapter(model: Any, folder: Path, base: BaseModelFiles) -> None:
    """Weights as safetensors and in PyTorch's own format (older runtimes), and a portable configuration."""
    for config in model.peft_config.values():
        config.base_model_name_or_path, config.revision = base.name, base.revision
    model.save_pretrained(folder, safe_serialization=True, save_embedding_layers=False)
    torch.save(load_file(folder / ADAPTER_FILE), folder / BIN_FILE)


def write_tokenizer(tokenizer: Any, folder: Path) -> None:
    """With the template that every runtime can render: it gives the same text as the one of the training."""
    template = tokenizer.chat_template
    tokenizer.chat_template = INFERENCE_CHAT_TEMPLATE
    tokenizer.save_pretrained(folder)
    tokenizer.chat_template = template


def write_metrics(rows: list[dict[str, Any]], folder: Path) -> None:
    """One row a step. JSON has no NaN: there it is null, in the CSV it is `nan`."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    clean = [{name: _json_number(row.get(name)) for name in names} for row in rows]
    write_json(folder / METRICS_JSON, clean)
    with (folder / METRICS_CSV).open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")


def _json_number(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
