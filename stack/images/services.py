"""The image of all services and the command line (`Dockerfile`) and what has to hold of it."""

from __future__ import annotations

from stack.images.build import Build
from stack.images.engine import LOCKED, Engine
from stack.layout import ROOT
from stack.nats_permissions import SERVICES
from stack.problems import StackError

TARGETS = ("services", "local")


def services(tag: str, base: str = "", target: str = "services") -> Build:
    """Target `local` holds the trainer's packages too, for trainings on the same machine."""
    return Build(ROOT / "Dockerfile", tag, base, target)


def try_services(engine: Engine, tag: str) -> list[str]:
    """What was seen to hold: every service loads, and not as root; the command line answers.

    Raises StackError with what does not.
    """
    program = f"import importlib, os\nfor name in {SERVICES}:\n    importlib.import_module(f'services.{{name}}.app')\n"
    loaded = engine.python(tag, program + "assert os.getuid() != 0, 'runs as root'\nprint('uid', os.getuid())")
    answer = engine.output(*LOCKED, tag, "brightrun", "--help")
    if answer.returncode != 0:
        raise StackError(f"{tag}: the command line ended with {answer.returncode}:\n{answer.stderr[-2000:]}")
    return [f"{len(SERVICES)} services load ({loaded})", "the command line answers"]
