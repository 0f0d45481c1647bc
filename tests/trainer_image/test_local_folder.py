"""A base model that lies on this disk needs no hub, and no library may ask one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trainer_image.model_hub import model_hub
from tests.trainer_image.runs import ROOT

PROGRAM = """
import sys
from pathlib import Path
from trainer_image import train_lora
train_lora.prepare_libraries(sys.argv[1])
from contracts.presets import PRESETS
from trainer_image import model as models
from trainer_image.delivery.files import write_adapter
from trainer_image.hub import fetch_weights, find_base_model
base = find_base_model(sys.argv[1])
fetch_weights(base)
models.load_tokenizer(base)
from peft import get_peft_model
model = get_peft_model(models.load_base_model(base).model, models.lora_config(PRESETS["balanced"].hyperparameters))
Path(sys.argv[2]).mkdir()
write_adapter(model, Path(sys.argv[2]), base)
from huggingface_hub import model_info
try:
    model_info("acme/tiny-llama")
except Exception as error:
    print(type(error).__name__)
"""


@pytest.mark.slow
def test_no_library_asks_a_hub(base_model: Path, tmp_path: Path) -> None:
    """In a process of its own: libraries read their settings when they are imported."""
    with model_hub(base_model) as hub:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(base_model), str(tmp_path / "adapter")], cwd=ROOT, check=False,
            env={**environment, "HF_ENDPOINT": hub.url, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "OfflineModeIsEnabled\n"
    assert hub.asked == []
