"""How many examples a test gets."""

import os
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings

Test = TypeVar("Test", bound=Callable[..., Any])

long = False
SHORT_EXAMPLES, LONG_EXAMPLES = 150, 2_000
_SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def fuzzed(test: Test) -> Test:
    """A short run repeats itself, so that it fails for a change and not by chance; a long one keeps what it found."""
    if not long:
        short = settings(max_examples=SHORT_EXAMPLES, derandomize=True, database=None, deadline=None,
                         suppress_health_check=_SLOW_IS_FINE)  # fmt: skip
        return pytest.mark.fuzz(short(test))
    examples = int(os.environ.get("FUZZ_EXAMPLES", LONG_EXAMPLES))
    searching = settings(max_examples=examples, deadline=None, print_blob=True, suppress_health_check=_SLOW_IS_FINE,
                         phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink])  # fmt: skip
    return pytest.mark.fuzz(pytest.mark.timeout(0)(searching(test)))
