"""python -m stack.install.bytecode services|trainer: imports once what the named programs import.

uv leaves files uncompiled. At the first start eight programs would compile the same modules side by side, and the
trainer after them on one core; where PYTHONDONTWRITEBYTECODE is set they would do so at every start.
Compiling whole packages instead takes four times as long: most of their modules are never imported here.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import os
import subprocess
import sys
from pathlib import Path

from stack.layout import ROOT

TRAINER = (
    "trainer_image.train_lora",
    "trainer_image.verify_zip",
    "transformers.models.llama.modeling_llama",
    "transformers.trainer",
    "peft.tuners.lora",
    "peft.peft_model",
    "trl.trainer.sft_trainer",
    "datasets",
)


def compile_in_background(python: Path, programs: str, niceness: int = 0) -> subprocess.Popen[bytes]:
    """Nothing depends on its success."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.Popen(
        ["nice", "-n", str(niceness), str(python), "-m", "stack.install.bytecode", programs],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def modules_of(programs: str) -> list[str]:
    if programs == "trainer":
        return list(TRAINER)
    services = sorted(path.parent.name for path in ROOT.glob("services/*/app.py"))
    return [*(f"services.{name}.app" for name in services), "chassis.migrate", "stack.commands", "brightrun.cli"]


def main(programs: str) -> None:
    logging.disable()
    for module in modules_of(programs):
        with contextlib.suppress(Exception), contextlib.redirect_stderr(io.StringIO()):
            importlib.import_module(module)


if __name__ == "__main__":
    main(sys.argv[1])
