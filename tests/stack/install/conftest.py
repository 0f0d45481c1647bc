"""What only an installation made by `make setup` has."""

import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def uv() -> Path:
    program = Path(sys.executable).with_name("uv")
    if not program.exists():
        pytest.skip("uv is not installed beside this Python; `make setup` installs it")
    return program
