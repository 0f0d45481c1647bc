"""One stack for all end-to-end tests; they need the local base model, which `make setup` builds."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.stack_under_test import StackUnderTest


@pytest.fixture(scope="session")
def system() -> Iterator[StackUnderTest]:
    folder = Path(tempfile.mkdtemp(prefix="brightrun-e2e-"))
    stack = StackUnderTest(folder / ".data")
    stack.up()
    yield stack
    stack.down()
    shutil.rmtree(folder, ignore_errors=True)
