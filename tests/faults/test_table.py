"""Every test that the table of faults names is there."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
TABLE = (Path(__file__).parent / "README.md").read_text()


def test_every_named_file_and_test_exists() -> None:
    sources = list(TESTS.rglob("test_*.py"))
    files = set(re.findall(r"(test_\w+\.py)", TABLE))
    names = set(re.findall(r"::(test_\w+)", TABLE))
    assert len(files) > 20
    assert files - {path.name for path in sources} == set()
    assert names - {name for path in sources for name in re.findall(r"def (test_\w+)", path.read_text())} == set()
