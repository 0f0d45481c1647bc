"""Commands are called in this process here, and make what they write private by its umask."""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _umask_of_before() -> Iterator[None]:
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)
