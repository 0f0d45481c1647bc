"""What the delivery says about the base is what was loaded, and only what is trained on is taken."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from trainer_image.errors import ModelAccessError
from trainer_image.hub import find_base_model
from trainer_image.model import load_base_model
from trainer_image.quantization import Quantization


def test_full_weights_are_quantised_while_they_are_loaded(base_model: Path) -> None:
    found = load_base_model(find_base_model(str(base_model))).quantization
    assert found == Quantization("nf4", double=True, compute_dtype="float32", stored=False)
    assert str(found) == "nf4, double quantisation"


def test_a_base_stored_in_4_bits_keeps_its_own_settings(base_model: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    AutoModelForCausalLM.from_pretrained(base_model, quantization_config=BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="fp4", bnb_4bit_use_double_quant=False,
        bnb_4bit_compute_dtype=torch.float32)).save_pretrained(tmp_path / "stored")
    found = load_base_model(find_base_model(str(tmp_path / "stored"))).quantization
    assert found == Quantization("fp4", double=False, compute_dtype="float32", stored=True)
    assert str(found) == "fp4"
    assert found.as_dict()["bits"] == 4


@pytest.mark.parametrize(("stored", "says"), [
    ({"quant_method": "gptq", "bits": 4}, "quantised with gptq"),
    ({"quant_method": "awq", "bits": 4}, "quantised with awq"),
    ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "bitsandbytes in 8 bits"),
])
def test_other_schemes_are_refused(base_model: Path, tmp_path: Path, stored: dict[str, Any], says: str) -> None:
    folder = tmp_path / "stored"
    shutil.copytree(base_model, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": stored}))
    with pytest.raises(ModelAccessError, match=says):
        load_base_model(find_base_model(str(folder)))
