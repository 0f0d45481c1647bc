"""`pytest` gives each of these tests a few seconds, always the same examples; `pytest -m fuzz` searches for long.

FUZZ_EXAMPLES says how long: examples per test, 2,000 unless told: about ten minutes on two cores for all.
"""

import pytest

from tests.fuzz import budget


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fuzz: generated and mutated input; -m fuzz searches for long")
    budget.long = "fuzz" in (config.option.markexpr or "")
