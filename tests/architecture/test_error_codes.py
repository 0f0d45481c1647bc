"""Every code that a user can meet stands in the documentation."""

import ast
import re
from pathlib import Path

import pytest

from contracts.error_catalogue import CATALOGUE
from contracts.error_taxonomy import ERROR_CLASSES

ROOT = Path(__file__).parents[2]
DOCUMENTED = set(re.findall(r'<a id="([a-z0-9_]+)"', (ROOT / "docs" / "errors.md").read_text()))


def codes_in(source: str) -> set[str]:
    """Literals given as `code=` in a call, or first to ProblemError."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        values = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
        if getattr(node.func, "id", "") == "ProblemError":
            values += node.args[:1]
        found |= {value.value for value in values if isinstance(value, ast.Constant) and isinstance(value.value, str)}
    return found


def sources() -> list[Path]:
    return [path for package in ("chassis", "services") for path in (ROOT / package).rglob("*.py")]


def test_every_problem_code_is_documented() -> None:
    used = {code for path in sources() for code in codes_in(path.read_text())}
    assert used
    assert sorted(used - DOCUMENTED) == []


def test_every_reason_of_a_failed_training_is_documented() -> None:
    assert {item.value for item in ERROR_CLASSES} <= DOCUMENTED


def test_every_code_of_the_catalogue_is_documented_as_it_is_told() -> None:
    assert {code.value for code in CATALOGUE} <= DOCUMENTED
    page = (ROOT / "docs" / "errors.md").read_text()
    untold = [entry.code.value for entry in CATALOGUE.values()
              if f"`{entry.code.value}` | {entry.error_type.value} | {entry.failure_class.value} | {entry.title} | "
                 f"{entry.what_to_do} |" not in page]
    assert untold == []


@pytest.mark.parametrize("source", ['NotFound("x", code="job_gone")', 'ProblemError("job_gone", "t", 404, "d")'])
def test_the_rule_sees_both_spellings(source: str) -> None:
    assert codes_in(source) == {"job_gone"}
