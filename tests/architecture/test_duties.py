"""Every periodic duty is in docs/operations/two-of-everything.md, with who does it when there are two replicas."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "operations" / "two-of-everything.md"
REGISTERING = {"periodic", "background"}


def registered(source: str) -> Iterator[str]:
    """The names in `runtime.periodic("name", ...)` and `runtime.background("name", ...)`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in REGISTERING:
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value
            elif not isinstance(first, ast.Name) or first.id != "name":  # the chassis' own definition passes it on
                raise AssertionError(f"line {node.lineno}: the name of a duty is a literal")


def in_code() -> set[tuple[str, str]]:
    found = set()
    for top in ("chassis", "services"):
        for path in (ROOT / top).rglob("*.py"):
            owner = "every service" if top == "chassis" else path.relative_to(ROOT / top).parts[0]
            found |= {(owner, name) for name in registered(path.read_text())}
    return found


def in_the_table() -> set[tuple[str, str]]:
    return set(re.findall(r"^\| ([\w ]+) \| `([^`]+)` \|", TABLE.read_text(), re.MULTILINE))


def test_each_duty_has_its_row() -> None:
    assert in_code() - in_the_table() == set(), "a new duty: who does it with two replicas, and who takes over when?"


def test_no_row_is_about_a_duty_that_is_gone() -> None:
    assert in_the_table() - in_code() == set()


def test_each_test_that_proves_a_row_is_there() -> None:
    sources: dict[str, str] = defaultdict(str)
    for path in (ROOT / "tests").rglob("test_*.py"):
        sources[path.name] += path.read_text()
    for name, test in re.findall(r"`(?:[\w/]+/)?(test_\w+\.py)(?:::(test_\w+))?`", TABLE.read_text()):
        assert name in sources
        assert not test or f"def {test}(" in sources[name], f"{name}::{test}"


def test_an_unlisted_duty_would_be_found() -> None:
    found = list(registered('runtime.periodic("sweeping", 5.0, sweep)\nruntime.background("listening", listen)'))
    assert found == ["sweeping", "listening"]
