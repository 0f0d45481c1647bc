"""Each threat of docs/security.md names a test that exists; the rule has a proof that it can fail."""

import ast
import re

import pytest

from tests.architecture.skeleton import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text()
_ROW = re.compile(r"^\| ([A-Z]+\d+) \|(.*)\|$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def missing(page: str) -> list[str]:
    """Threats without a test, and tests that are not there."""
    found = []
    for name, row in _ROW.findall(page):
        named = _TEST.findall(row)
        found += [f"{name} names no test"] * (not named)
        found += [f"{name}: {path}::{test}" for path, test in named if test not in _tests_in(path)]
    return found


def _tests_in(path: str) -> set[str]:
    file = ROOT / path
    if not file.is_file():
        return set()
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, kinds)}


def test_every_threat_has_its_test() -> None:
    assert missing(PAGE) == []
    assert len(_ROW.findall(PAGE)) >= 45


def test_threats_have_names_of_their_own() -> None:
    names = [name for name, _ in _ROW.findall(PAGE)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("row", [
    "| X1 | a threat | a control | `tests/architecture/test_threat_model.py::test_of_nothing` |",
    "| X1 | a threat | a control | `tests/nowhere.py::test_anything` |", "| X1 | a threat | a control | none |"])
def test_a_threat_without_a_test_is_seen(row: str) -> None:
    assert missing(row)
