"""Does a delivered ZIP work? Loads it in a fresh process and compares its answers with the base model's.

    python -m trainer_image.verify_zip ADAPTER.zip --base FOLDER_OR_HUB_ID [--json]

Exit status 0: the adapter loads with peft and changes what the model says. 1: it does not; the reason is printed.
"""

import argparse
import json
import sys
import tempfile
import warnings
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainer_image.errors import TrainerError
from trainer_image.libraries import prepare_libraries

PROMPTS = (
    "I feel anxious about money and do not know where to begin. What should I do first?",
    "I am ashamed of my credit card debt.",
    "Should I pay off my mortgage early or invest?",
    "My husband and I always argue about money.",
)
SYSTEM = "You are a warm financial planner. You acknowledge feelings before facts."
# A trained adapter moves logits by tenths and more; rounding alone moves them by less than a thousandth.
_SMALLEST_CHANGE = 1e-3


@dataclass(frozen=True)
class Verified:
    """`largest_change`: largest difference of next-token logits between adapter on and off over the prompts."""

    adapter_parameters: int
    largest_change: float
    prompt: str
    base_answer: str
    trained_answer: str

    @property
    def works(self) -> bool:
        return self.largest_change > _SMALLEST_CHANGE


def verify(archive: Path, base_model: str, max_new_tokens: int = 40) -> Verified:
    """The base is loaded as the training loads it, in 4 bits: 70B in full would need 280 GB.

    Raises zipfile.BadZipFile, OSError, ValueError or TrainerError for an archive or a base model that cannot be loaded.
    """
    with tempfile.TemporaryDirectory() as folder:
        _extract(archive, Path(folder))
        return _compare(_adapter_folder(Path(folder)), base_model, max_new_tokens)


def _extract(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as source:
        for name in source.namelist():
            if not (folder / name).resolve().is_relative_to(folder.resolve()):
                raise ValueError(f"{name} would be written outside the archive's folder")
        source.extractall(folder)


def _adapter_folder(folder: Path) -> Path:
    found = next(folder.rglob("adapter_config.json"), None)
    if found is None:
        raise ValueError("the archive holds no adapter_config.json")
    return found.parent


def _compare(adapter: Path, base_model: str, max_new_tokens: int) -> Verified:
    prepare_libraries(base_model)
    from peft import PeftModel
    from transformers import AutoTokenizer
    from transformers.utils import logging

    from trainer_image.hub import fetch_weights, find_base_model
    from trainer_image.model import load_base_model

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    warnings.simplefilter("ignore")  # libraries' notes to developers; what matters is raised

    tokenizer = AutoTokenizer.from_pretrained(adapter)
    base = find_base_model(base_model)
    fetch_weights(base)
    model = PeftModel.from_pretrained(load_base_model(base).model, str(adapter)).eval()
    shown = largest = None
    for prompt in PROMPTS:
        change, base_answer, trained_answer = _both(model, tokenizer, prompt, max_new_tokens)
        largest = max(change, largest or 0.0)
        shown = (prompt, base_answer, trained_answer)
        if base_answer != trained_answer:
            break  # one answer that differs shows more than four that do not
    assert shown is not None
    assert largest is not None
    parameters = sum(value.numel() for name, value in model.named_parameters() if "lora_" in name)
    return Verified(parameters, largest, *shown)


def _both(model: Any, tokenizer: Any, prompt: str, max_new_tokens: int) -> tuple[float, str, str]:
    """Largest change of a next-token logit over the prompt, the base model's answer and the adapted model's."""
    import torch

    from trainer_image.evaluation import evaluating

    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}]
    inputs = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, return_tensors="pt", return_dict=True).to(model.device)
    with evaluating(model):
        trained_logits, trained_answer = model(**inputs).logits, _answer(model, tokenizer, inputs, max_new_tokens)
        with model.disable_adapter():
            base_logits, base_answer = model(**inputs).logits, _answer(model, tokenizer, inputs, max_new_tokens)
    if not torch.isfinite(trained_logits).all():
        raise ValueError("the adapted model's logits are not finite")
    return (trained_logits - base_logits).abs().max().item(), base_answer, trained_answer


def _answer(model: Any, tokenizer: Any, inputs: Any, max_new_tokens: int) -> str:
    output = model.generate(
        **inputs, max_new_tokens=max_new_tokens, do_sample=False, pad_token_id=tokenizer.pad_token_id
    )
    return str(tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)).strip()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Check that a delivered adapter loads and changes the model's answers."
    )
    parser.add_argument("archive", type=Path)
    parser.add_argument("--base", required=True, help="folder or hub id of the base model")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    try:
        result = verify(options.archive, options.base)
    except (OSError, ValueError, TrainerError, zipfile.BadZipFile) as error:
        print(f"{options.archive}: {error}", file=sys.stderr)
        return 1
    print(json.dumps(asdict(result)) if options.json else _words(result))
    return 0 if result.works else 1


def _words(result: Verified) -> str:
    if not result.works:
        return "The adapter loads, but changes nothing."
    return (
        f"The adapter loads ({result.adapter_parameters:,} parameters) and changes the model's answers "
        f"(logits by up to {result.largest_change:.2f}).\n"
        f"  Asked:   {result.prompt}\n  Base:    {result.base_answer}\n  Trained: {result.trained_answer}"
    )


if __name__ == "__main__":
    sys.exit(main())
