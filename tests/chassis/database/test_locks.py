"""Advisory locks: a number for each purpose, all of them in one place."""

import re

from chassis.database import locks
from tests.architecture.skeleton import ROOT

_NUMBERS = [value for name, value in vars(locks).items() if name.isupper()]
_SPELLED = re.compile(r"\b7_?201_?\d{3}\b")


def test_each_purpose_has_a_number_of_its_own() -> None:
    assert len(_NUMBERS) == len(set(_NUMBERS)) >= 3


def test_the_numbers_stand_nowhere_else() -> None:
    """Migrations of released states may spell them."""
    files = [path for package in ("chassis", "services") for path in (ROOT / package).rglob("*.py")
             if path != ROOT / "chassis" / "database" / "locks.py" and "versions" not in path.parts]
    assert [str(path.relative_to(ROOT)) for path in files if _SPELLED.search(path.read_text())] == []


def test_the_rule_can_fail() -> None:
    assert _SPELLED.search("_LOCK = 7_201_341")
