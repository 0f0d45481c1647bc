"""The trainer's image (`trainer_image/Dockerfile`) and what has to hold of it."""

from __future__ import annotations

from stack.images.build import Build
from stack.images.engine import LOCKED, Engine
from stack.layout import ROOT
from stack.problems import StackError

_NO_ORDER = 78


def trainer(tag: str, base: str = "", torch: str = "cuda") -> Build:
    return Build(ROOT / "trainer_image" / "Dockerfile", tag, base, arguments={"TORCH": torch})


def try_trainer(engine: Engine, tag: str) -> list[str]:
    """What was seen to hold: without an order it says what it lacks; its modules load, and not as root.

    Raises StackError with what does not.
    """
    without_order = engine.output(*LOCKED, tag)
    said = (without_order.stdout + without_order.stderr)[-2000:]
    if without_order.returncode != _NO_ORDER or "BRIGHTRUN_POD_SPEC" not in said:
        raise StackError(f"{tag} without an order ended with {without_order.returncode}:\n{said}")
    return ["without an order it says what is missing (exit 78)", engine.python(tag, _MODULES)]


# Every module once: what a lock file forgot is missing here, not on a machine that is paid for.
_MODULES = """
import importlib, os, pkgutil
import torch, transformers, trl, contracts, trainer_image
for package in (contracts, trainer_image):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
assert os.getuid() != 0, "runs as root"
print(f"uid {os.getuid()}, torch {torch.__version__}, transformers {transformers.__version__}, trl {trl.__version__}")
"""
