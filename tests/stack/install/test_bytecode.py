"""What is compiled ahead is what the programs import; a module that moved would be missed silently."""

from importlib.util import find_spec

import pytest

from stack.install.bytecode import TRAINER, compile_in_background, modules_of
from stack.nats_permissions import SERVICES


def test_every_service_and_every_program_of_a_start_is_there() -> None:
    modules = modules_of("services")
    assert {f"services.{name}.app" for name in SERVICES} <= set(modules)
    assert [module for module in modules if find_spec(module) is None] == []


@pytest.mark.parametrize("module", [name for name in TRAINER if name.startswith("trainer_image.")])
def test_the_trainers_own_modules_are_there(module) -> None:
    assert find_spec(module)


@pytest.mark.slow
def test_byte_code_is_written_whatever_the_environment_says(tmp_path, monkeypatch) -> None:
    import sys
    from pathlib import Path

    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path))
    assert compile_in_background(Path(sys.executable), "services").wait() == 0
    assert list(tmp_path.rglob("app.*.pyc"))
